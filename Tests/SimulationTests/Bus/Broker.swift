import Contracts

@testable import Bus

/// The broker and the network around it, with the faults of a profile.
final class Broker {
    enum Outcome: Sendable { case confirmed, returned, rejected, lost }

    var faults: FaultProfile
    private let simulator: Simulator
    private var servers: [ServiceName: [RPCServer]] = [:]
    private var clients: [String: RPCClient] = [:]
    private var queues: [ConsumerQueue] = []

    init(_ simulator: Simulator, _ faults: FaultProfile) {
        self.simulator = simulator
        self.faults = faults
    }

    func add(_ server: RPCServer, of service: ServiceName) { servers[service, default: []].append(server) }
    func add(_ client: RPCClient) { clients[client.address] = client }
    func add(_ queue: ConsumerQueue) { queues.append(queue) }

    /// Usually a few milliseconds; sometimes longer than every timeout.
    var delay: Int64 { simulator.happens(faults.slow) ? simulator.between(100, 8_000) : simulator.between(0, 6) }

    // MARK: Calls

    func send(
        _ body: [UInt8], to service: ServiceName, from caller: ServiceName, replyTo address: String,
        settle: @escaping (Outcome) -> Void
    ) {
        let outcome = outcome(of: service)
        simulator.after(delay) { settle(outcome) }
        // A lost message may have arrived.
        guard outcome == .confirmed || outcome == .lost && simulator.happens(0.5) else { return }
        spread {
            // The broker may choose a process that is frozen, or that is killed before it reads the message.
            let servers = self.present(service)
            if servers.isEmpty { return }
            let server = self.simulator.oneOf(servers)
            server.host.after(0) { server.received(body, from: caller, address) }
        }
    }

    private func outcome(of service: ServiceName) -> Outcome {
        if simulator.happens(faults.lose) { return .lost }
        if present(service).isEmpty { return .returned }
        if simulator.happens(faults.refuse) { return simulator.happens(0.5) ? .returned : .rejected }
        return .confirmed
    }

    private func present(_ service: ServiceName) -> [RPCServer] { (servers[service] ?? []).filter(\.host.isUp) }

    func answer(_ body: [UInt8], to address: String, from service: ServiceName) {
        spread {
            guard let client = self.clients[address] else { return }
            client.host.after(0) { client.received(body, from: service) }
        }
    }

    // MARK: Events

    /// A queue keeps the events that it has accepted. An unconfirmed event may have been accepted.
    func publish(_ event: OutboxEvent, _ settle: @escaping (Outcome) -> Void) {
        let isLost = simulator.happens(max(faults.lose, faults.drop))
        simulator.after(delay) { settle(isLost ? .lost : .confirmed) }
        if isLost && simulator.happens(0.5) { return }
        for queue in queues where queue.type == event.type { queue.accept(event) }
    }

    /// Runs `body` never, once or twice, each time after a delay of its own, so that messages overtake each
    /// other.
    private func spread(_ body: @escaping () -> Void) {
        if simulator.happens(faults.drop) { return }
        simulator.after(delay, body)
        if simulator.happens(faults.duplicate) { simulator.after(delay, body) }
    }
}
