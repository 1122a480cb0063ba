import AMQP
import Bus
import Contracts
import Metrics
import Reactor
import Synchronization

/// Publishes deliveries to the live connections of users: transient, confirmed messages.
///
/// It uses a connection of its own. On the connection of events it would wait whenever the broker throttles
/// what must go to disk, and on the connection of calls it would delay answers. Confirms on it may wait for
/// others, so that they seldom wake the process.
package actor DeliveryPublisher: BusComponent {
    package nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    package typealias OnOutcome = @Sendable (AMQPError?) -> Void

    private nonisolated let io: IOThread
    private let service: ServiceName
    private let routes = Mutex<RoutesHint?>(nil)
    private var channel: AMQPChannel?
    private let sent = Counter(label: "martlet_deliveries_sent")
    private let failed = Counter(label: "martlet_deliveries_failed")

    /// Attaches itself to `bus`, which belongs to one of ``DeliveryFeed/senders``. Before the bus runs.
    package init(_ bus: Bus) {
        precondition(DeliveryFeed.senders.contains(bus.configuration.service), "deliveries of this service are not accepted")
        service = bus.configuration.service
        io = bus.io
        bus.attach(self, connection: DeliveryMessage.connection)
    }

    // MARK: Component of the bus

    package func open(on connection: AMQPConnection) async {
        channel = await connection.openChannel(AMQPChannelSetup(name: "deliveries out", confirmWindow: 4_096))
    }

    package var isReady: Bool { channel?.isOpen == true }

    package func opened() async throws(AMQPError) { try await channel?.opened() }

    // MARK: Routes

    /// Divides large deliveries among instances by the routes in `table`, so that no instance receives much
    /// for users of others.
    ///
    /// The routes are a hint. Until there are any the number of partitions is unknown, and all deliveries go
    /// to all instances. With outdated routes deliveries still arrive.
    package nonisolated func follow(_ table: RouteTable) {
        table.onRead { [self] routes in use(RoutesHint(routes)) }
    }

    /// Uses `hint` unless a newer one is in use.
    nonisolated func use(_ hint: RoutesHint) {
        guard Partitioning.counts.contains(hint.count) else { return }
        routes.withLock { current in
            if current.map({ $0.epoch <= hint.epoch }) ?? true { current = hint }
        }
    }

    // MARK: Sending

    /// Sends frames to the live connections of their recipients. Returns once the broker has queued them for
    /// every instance that has any of the recipients' partitions. Recipients without a connection are no
    /// error.
    ///
    /// - Parameter lifetime: the time after which the frames are not shown any more.
    /// - Throws: `unavailable` when some of it may not be queued. Repeated, it may arrive twice.
    /// - Note: Cancellation has no effect.
    package nonisolated func deliver(_ delivery: Delivery, lifetime: Duration? = nil) async throws(ServiceError) {
        let error = await withCheckedContinuation { (waiter: CheckedContinuation<AMQPError?, Never>) in
            onThread { $0.send(delivery, lifetime: lifetime) { waiter.resume(returning: $0) } }
        }
        if let error { throw ServiceError(.unavailable, error.sendFailureReason, retryAfterMilliseconds: 1_000) }
    }

    /// Sends frames that are soon out of date: without waiting, and without a result.
    package nonisolated func deliverOnce(_ delivery: Delivery, lifetime: Duration? = nil) {
        onThread { $0.send(delivery, lifetime: lifetime) { _ in } }
    }

    private nonisolated func onThread(_ body: @escaping @Sendable (isolated DeliveryPublisher) -> Void) {
        if io.isCurrent { assumeIsolated(body) } else { io.post { self.assumeIsolated(body) } }
    }

    /// - Parameter onOutcome: called once, on the I/O thread: with `nil` when the broker has queued
    ///   everything, or with the error.
    package func send(_ delivery: Delivery, lifetime: Duration? = nil, onOutcome: @escaping OnOutcome) {
        let routes = routes.withLock(\.self)
        let parts =
            routes.map { DeliveryParts.of(delivery, partitionCount: $0.count, routes: $0) } ?? DeliveryParts.forAll(delivery)
        guard let channel else { return onOutcome(.notConnected("not opened")) }
        guard parts.count != 1 else { return send(parts[0], lifetime: lifetime, through: channel, onOutcome: onOutcome) }
        if parts.isEmpty { return onOutcome(nil) }
        let joined = JoinedOutcome(parts.count, onOutcome)
        for part in parts { send(part, lifetime: lifetime, through: channel) { joined.add($0) } }
    }

    private func send(
        _ part: DeliveryParts.Part, lifetime: Duration?, through channel: AMQPChannel, onOutcome: @escaping OnOutcome
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

/// The outcome of a delivery that is several messages: known when all are confirmed, an error when any has
/// failed.
private final class JoinedOutcome: Sendable {
    private let state: Mutex<(left: Int, error: AMQPError?)>
    private let onOutcome: DeliveryPublisher.OnOutcome

    init(_ count: Int, _ onOutcome: @escaping DeliveryPublisher.OnOutcome) {
        state = Mutex((count, nil))
        self.onOutcome = onOutcome
    }

    func add(_ error: AMQPError?) {
        let end = state.withLock { state in
            state.left -= 1
            state.error = state.error ?? error
            return state
        }
        if end.left == 0 { onOutcome(end.error) }
    }
}

extension AMQPOutcome {
    /// `nil` when the message is in every bound queue. None being bound is fine: no recipient is online.
    fileprivate var deliveryError: AMQPError? {
        switch self {
        case .confirmed, .returned: nil
        case .rejected: .rejected
        case .lost(let error): error
        }
    }
}

extension Outbox {
    /// Delivers events of some types to live connections, by this process after the commit or by the sweeper.
    /// Before it runs.
    ///
    /// A row is removed when both the event and its delivery are confirmed. What fails is left to the
    /// sweeper, which repeats both.
    ///
    /// - Parameter make: makes the delivery from 1–256 events in the order of their commits. It omits events
    ///   without a delivery. When it throws, all of them are left to the sweeper.
    package nonisolated func deliver(
        _ types: [any Event.Type], through publisher: DeliveryPublisher,
        _ make: @escaping @Sendable ([OutboxEvent]) async throws -> Delivery
    ) {
        forward(types) { events, onOutcome in
            let delivery = try await make(events)
            await publisher.send(delivery) { onOutcome($0 == nil) }
        }
    }
}
