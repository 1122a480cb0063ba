import AMQP
import Contracts
import Synchronization

extension Bus {
    /// Handles the events of `queue`, each at least once. Before ``run()`` only.
    package func consume(_ queue: WorkQueue) { register { $0.queues.append(queue) } }

    /// Receives the events of `subscription` while connected. Before ``run()`` only.
    package func subscribe(_ subscription: EventSubscription) { register { $0.subscriptions.append(subscription) } }

    /// Sends a transient event of this service to the current subscribers, such as an invalidation. It is
    /// neither stored nor confirmed.
    ///
    /// - Throws: `unavailable` when it cannot be sent now; `invalid` when it cannot be encoded.
    package func broadcast(_ event: some Event) async throws(ServiceError) {
        let row: OutboxEvent
        do { row = try OutboxEvent(event) } catch { throw ServiceError(.invalid, "the event cannot be encoded: \(error)") }
        do { try await publisher.broadcast(row, exchange: Exchange.name(for: type(of: event))) } catch {
            throw ServiceError(.unavailable, error.sendFailureReason, retryAfterMilliseconds: 1_000)
        }
    }

    /// Has ``run()`` end only after `outbox` has published what was committed.
    func add(_ outbox: Outbox) { registered.withLock { $0.outboxes.append(outbox) } }
}
