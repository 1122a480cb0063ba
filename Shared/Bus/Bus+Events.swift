import AMQP
import Contracts
import Synchronization

extension Bus {
    /// Works on the events of `queue`, each at least once. Before ``run()`` only.
    package func consume(_ queue: WorkQueue) { register { $0.queues.append(queue) } }

    /// Hears the events of `feed` while connected. Before ``run()`` only.
    package func subscribe(_ feed: EventSubscription) { register { $0.feeds.append(feed) } }

    /// Tells those who listen now: a transient event of this service, invalidations for example. Nobody keeps
    /// it, nobody confirms it.
    ///
    /// - Throws: `unavailable` when it cannot be sent now; `invalid` when it cannot be encoded.
    package func broadcast(_ event: some Event) async throws(ServiceError) {
        let row: OutboxEvent
        do { row = try OutboxEvent(event) } catch { throw ServiceError(.invalid, "the event cannot be encoded: \(error)") }
        do { try await facts.broadcast(row, Exchange.telling(type(of: event))) } catch {
            throw ServiceError(.unavailable, error.sendFailureReason, retryAfterMilliseconds: 1_000)
        }
    }

    /// So that ``run()`` ends only after what was committed is published.
    func add(_ outbox: Outbox) { registered.withLock { $0.outboxes.append(outbox) } }
}
