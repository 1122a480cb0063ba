import Contracts

@testable import Bus

/// The broker and the network before and behind it, as bad as the weather is.
final class Broker {
    enum Outcome: Sendable { case confirmed, returned, rejected, lost }

    var weather: Weather
    private let simulator: Simulator
    private var servers: [ServiceName: [Answerer]] = [:]
    private var callers: [String: Caller] = [:]
    private var queues: [FactQueue] = []

    init(_ simulator: Simulator, _ weather: Weather) { (self.simulator, self.weather) = (simulator, weather) }

    func add(_ server: Answerer, of service: ServiceName) { servers[service, default: []].append(server) }
    func add(_ caller: Caller) { callers[caller.address] = caller }
    func add(_ queue: FactQueue) { queues.append(queue) }

    /// A few milliseconds as a rule; sometimes longer than anybody waits.
    var delay: Int64 { simulator.happens(weather.slow) ? simulator.between(100, 8_000) : simulator.between(0, 6) }

    // MARK: Calls

    func send(
        _ body: [UInt8], to service: ServiceName, from caller: ServiceName, _ address: String,
        _ settle: @escaping (Outcome) -> Void
    ) {
        let outcome = outcome(of: service)
        simulator.after(delay) { settle(outcome) }
        // Of a lost one nobody knows whether it came through.
        guard outcome == .confirmed || outcome == .lost && simulator.happens(0.5) else { return }
        spread {
            // Whoever is chosen may be stopped, which the broker does not know, and may be killed before the message is read.
            guard let server = self.present(service).randomly(self.simulator) else { return }
            server.host.after(0) { server.received(body, from: caller, address) }
        }
    }

    private func outcome(of service: ServiceName) -> Outcome {
        if simulator.happens(weather.lose) { return .lost }
        if present(service).isEmpty { return .returned }
        if simulator.happens(weather.refuse) { return simulator.happens(0.5) ? .returned : .rejected }
        return .confirmed
    }

    private func present(_ service: ServiceName) -> [Answerer] { (servers[service] ?? []).filter(\.host.isUp) }

    func answer(_ body: [UInt8], to address: String, from service: ServiceName) {
        spread {
            guard let caller = self.callers[address] else { return }
            caller.host.after(0) { caller.received(body, from: service) }
        }
    }

    // MARK: Facts

    /// A queue that has taken a fact in keeps it. Without a confirmation it may have it, or not.
    func publish(_ event: OutboxEvent, _ settle: @escaping (Outcome) -> Void) {
        let isLost = simulator.happens(max(weather.lose, weather.drop))
        simulator.after(delay) { settle(isLost ? .lost : .confirmed) }
        if isLost && simulator.happens(0.5) { return }
        for queue in queues where queue.type == event.type { queue.take(event) }
    }

    /// Never, once, or twice; each in its own time, so that later ones overtake.
    private func spread(_ body: @escaping () -> Void) {
        if simulator.happens(weather.drop) { return }
        simulator.after(delay, body)
        if simulator.happens(weather.double) { simulator.after(delay, body) }
    }
}

extension [Answerer] {
    fileprivate func randomly(_ simulator: Simulator) -> Answerer? { isEmpty ? nil : simulator.oneOf(self) }
}
