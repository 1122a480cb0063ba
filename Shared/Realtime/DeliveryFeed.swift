import AMQP
import Bus
import Contracts
import Synchronization

/// The deliveries for some partitions, to this process, while it is connected.
///
/// Delivers in arrival order, at least once. A delivery may name recipients on other partitions, or only
/// such; ignore those. Register it with ``Bus/subscribe(_:)-(DeliveryFeed)`` before the bus runs.
///
/// The broker keeps at most `maximumBytes` for a process that is slow. Beyond that it drops the oldest
/// deliveries without delaying publishers, and notifies the process, which treats it like a lost connection.
package final class DeliveryFeed: Sendable {
    /// The services whose deliveries are accepted. The broker verifies the sender.
    static let senders: Set<ServiceName> = [.chats, .users, .messaging]

    let maximumBytes: Int64
    let onStart: @Sendable () -> Void
    let onLost: @Sendable () -> Void
    let onDelivery: @Sendable (Delivery, ServiceName) -> Void
    private let state = Mutex<(wanted: PartitionSet, consumer: DeliveryConsumer?)>((PartitionSet(), nil))

    /// The closures run on the I/O thread and must not block.
    ///
    /// - Parameters:
    ///   - onStart: from now on every delivery for a bound partition arrives. Called at first, and after
    ///     every loss.
    ///   - onLost: deliveries may be missing from now on, or from shortly before. Several calls may follow
    ///     one another; `onStart` follows each.
    ///   - onDelivery: a delivery, with the service that published it.
    package convenience init(
        onStart: @escaping @Sendable () -> Void = {}, onLost: @escaping @Sendable () -> Void = {},
        onDelivery: @escaping @Sendable (_ delivery: Delivery, _ sender: ServiceName) -> Void
    ) {
        self.init(maximumBytes: 64 << 20, onStart: onStart, onLost: onLost, onDelivery: onDelivery)
    }

    init(
        maximumBytes: Int64, onStart: @escaping @Sendable () -> Void = {}, onLost: @escaping @Sendable () -> Void = {},
        onDelivery: @escaping @Sendable (_ delivery: Delivery, _ sender: ServiceName) -> Void
    ) {
        self.maximumBytes = maximumBytes
        self.onStart = onStart
        self.onLost = onLost
        self.onDelivery = onDelivery
    }

    /// The partitions that are bound, or will be by the next `onStart`.
    package var wanted: PartitionSet { state.withLock { $0.wanted } }

    /// Adds partitions, and returns once the broker has bound them.
    ///
    /// - Throws: `unavailable` when the broker cannot bind them now. They are bound before the next
    ///   `onStart`.
    package func bind(_ partitions: PartitionSet) async throws(ServiceError) {
        let consumer = state.withLock { state in
            state.wanted = state.wanted.union(partitions)
            return state.consumer
        }
        try await rebind(consumer, adding: partitions)
    }

    /// Removes partitions, and returns once the broker has unbound them. Deliveries under way may still
    /// arrive.
    ///
    /// - Throws: `unavailable` when the broker cannot unbind them now. They are unbound from the next
    ///   `onStart` on.
    package func unbind(_ partitions: PartitionSet) async throws(ServiceError) {
        let consumer = state.withLock { state in
            state.wanted = state.wanted.subtracting(partitions)
            return state.consumer
        }
        try await rebind(consumer, removing: partitions)
    }

    /// Receives the consumer before it is connected.
    func begin(_ consumer: DeliveryConsumer) async {
        let wanted = state.withLock { state in
            state.consumer = consumer
            return state.wanted
        }
        try? await rebind(consumer, adding: wanted)
    }

    private func rebind(
        _ consumer: DeliveryConsumer?, adding added: PartitionSet = PartitionSet(),
        removing removed: PartitionSet = PartitionSet()
    ) async throws(ServiceError) {
        do throws(AMQPError) {
            guard let consumer else { throw .notConnected("the bus does not run yet") }
            try await consumer.rebind(adding: added, removing: removed)
        } catch {
            throw ServiceError(.unavailable, error.sendFailureReason, retryAfterMilliseconds: 1_000)
        }
    }
}

extension Bus {
    /// Receives the deliveries for the partitions that `feed` binds. One feed, before ``run()`` only.
    package func subscribe(_ feed: DeliveryFeed) {
        attach(DeliveryConsumer(feed, configuration, on: io, logger: logger), connection: DeliveryMessage.connection)
    }
}
