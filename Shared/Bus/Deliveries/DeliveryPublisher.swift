import AMQP
import Contracts
import Metrics
import Reactor
import Synchronization

/// The channel on which a process tells live connections of things: transient, confirmed.
///
/// On a connection of its own: on that of facts it would stand behind them whenever the broker slows these down, as it does with what has to be on disk; on
/// that of calls it would slow down the answers. Its confirmations may wait, so that they seldom wake the process.
actor DeliveryPublisher {
    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    typealias OnOutcome = @Sendable (AMQPError?) -> Void

    private nonisolated let io: IOThread
    private let service: ServiceName
    private let routes = Mutex<RoutesHint?>(nil)
    private var channel: AMQPChannel?
    private let sent = Counter(label: "martlet_deliveries_sent")
    private let failed = Counter(label: "martlet_deliveries_failed")

    init(_ configuration: BusConfiguration, on io: IOThread) {
        (service, self.io) = (configuration.service, io)
    }

    func open(on connection: AMQPConnection) async {
        channel = await connection.openChannel(AMQPChannelSetup(name: "deliveries out", confirmWindow: 4_096))
    }

    var isReady: Bool { channel?.isOpen == true }

    func opened() async throws(AMQPError) { try await channel?.opened() }

    /// Has deliveries addressed and divided by these from now on, unless newer ones are known. Before that nobody knows how many partitions there are, and
    /// everything goes to all instances.
    nonisolated func hint(_ hint: RoutesHint) {
        guard Partitioning.counts.contains(hint.count) else { return }
        routes.withLock { known in
            if known.map({ $0.epoch <= hint.epoch }) ?? true { known = hint }
        }
    }

    /// - Parameter onOutcome: called once, on the I/O thread, with why the broker may not have all of it; `nil` when it has.
    func send(_ delivery: Delivery, lifetime: Duration? = nil, _ onOutcome: @escaping OnOutcome) {
        let routes = routes.withLock(\.self)
        let parts =
            routes.map { DeliveryParts.of(delivery, partitionCount: $0.count, routes: $0) } ?? DeliveryParts.forAll(delivery)
        guard let channel else { return onOutcome(.notConnected("not opened")) }
        guard parts.count != 1 else { return send(parts[0], lifetime, through: channel, onOutcome) }
        if parts.isEmpty { return onOutcome(nil) }
        let together = Together(parts.count, onOutcome)
        for part in parts { send(part, lifetime, through: channel) { together.note($0) } }
    }

    private func send(
        _ part: DeliveryParts.Part, _ lifetime: Duration?, through channel: AMQPChannel, _ onOutcome: @escaping OnOutcome
    ) {
        do {
            let message = try DeliveryMessage.encode(part, from: service, lifetime: lifetime)
            try channel.send(message) { [sent, failed] outcome in
                let error = outcome.deliveryError
                (error == nil ? sent : failed).increment()
                onOutcome(error)
            }
        } catch {
            failed.increment()
            onOutcome(error as? AMQPError ?? .invalid("\(error)"))
        }
    }
}

/// Several messages of one delivery: it is told when all are, and failed when any is.
private final class Together: Sendable {
    private let state: Mutex<(left: Int, error: AMQPError?)>
    private let onOutcome: DeliveryPublisher.OnOutcome

    init(_ count: Int, _ onOutcome: @escaping DeliveryPublisher.OnOutcome) {
        state = Mutex((count, nil))
        self.onOutcome = onOutcome
    }

    func note(_ error: AMQPError?) {
        let end = state.withLock { state in
            state.left -= 1
            state.error = state.error ?? error
            return state
        }
        if end.left == 0 { onOutcome(end.error) }
    }
}

extension AMQPOutcome {
    /// `nil` when the broker has given it to every queue; nobody being online is fine.
    fileprivate var deliveryError: AMQPError? {
        switch self {
        case .confirmed, .returned: nil
        case .rejected: .rejected
        case .lost(let error): error
        }
    }
}
