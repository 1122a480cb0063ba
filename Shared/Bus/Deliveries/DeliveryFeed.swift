import AMQP
import Contracts
import Synchronization

/// The deliveries of some partitions, to this process, while it is connected: each once for each time it was told, in order of arrival. Recipients of other
/// partitions may be among them, and whole deliveries for such: they are to be passed over.
///
/// Registered with ``Bus/listen(_:)-(DeliveryFeed)`` before the bus runs. The broker keeps at most ``maximumBytes`` for a process that does not take them
/// in time. It drops the oldest beyond that, holds up nobody who tells, and has the process know: that is a loss like that of the connection.
package final class DeliveryFeed: Sendable {
    /// Who is believed, by the sender that the broker has verified.
    static let senders: Set<ServiceName> = [.chats, .users, .messaging]

    let maximumBytes: Int64
    let onStart: @Sendable () -> Void
    let onLost: @Sendable () -> Void
    let onDelivery: @Sendable (Delivery, ServiceName) -> Void
    private let state = Mutex<(wanted: PartitionSet, consumer: DeliveryConsumer?)>((PartitionSet(), nil))

    /// All are called on the I/O thread and must not block.
    ///
    /// - Parameters:
    ///   - onStart: whatever is told from now on comes, of what is bound. At first, and after every loss.
    ///   - onLost: something may be missed, from now on or just before. Several may follow one another; each is followed by `onStart`.
    ///   - onDelivery: with who tells it.
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
        (self.onStart, self.onLost, self.onDelivery) = (onStart, onLost, onDelivery)
    }

    /// Those that are bound, or will be with the next `onStart`.
    package var wanted: PartitionSet { state.withLock { $0.wanted } }

    /// Has the deliveries of more partitions come, for good; returns once the broker has bound them.
    ///
    /// - Throws: `unavailable`: not now; they are bound before the next `onStart`.
    package func bind(_ partitions: PartitionSet) async throws(ServiceError) {
        let consumer = state.withLock { state in
            state.wanted = state.wanted.union(partitions)
            return state.consumer
        }
        try await rebind(consumer, adding: partitions)
    }

    /// Has them come no more; what was on its way may still come.
    ///
    /// - Throws: `unavailable`: not now; they are not bound any more from the next `onStart` on.
    package func unbind(_ partitions: PartitionSet) async throws(ServiceError) {
        let consumer = state.withLock { state in
            state.wanted = state.wanted.subtracting(partitions)
            return state.consumer
        }
        try await rebind(consumer, removing: partitions)
    }

    /// The bus has made the consumer, and is not connected yet.
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
            throw ServiceError(.unavailable, error.whyNotSent, retryAfterMilliseconds: 1_000)
        }
    }
}
