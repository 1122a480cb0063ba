import Contracts
import Logging
import Reactor
import Synchronization

/// A second destination of some events, beside the exchange of events.
struct OutboxForwarding: Sendable {
    typealias Send =
        @Sendable (
            _ events: [OutboxEvent], _ onOutcome: @escaping @Sendable (_ isConfirmed: Bool) -> Void
        ) async throws -> Void

    /// The number of batches sent at once. Events that arrive meanwhile share the next batch; one slow batch
    /// does not delay the others.
    static let concurrency = 2
    static let batchSize = 256

    var types: Set<EventType> = []
    var send: Send = { _, onOutcome in onOutcome(true) }
}

extension Outbox {
    /// Sends events of some types to a second destination too, after the commit or from a sweep. Before it
    /// runs.
    ///
    /// A row is removed when both the event and its forwarding are confirmed. What fails is left to the
    /// sweeper, which repeats both.
    ///
    /// - Parameter send: sends 1–256 events in the order of their commits. Calls `onOutcome` once, on the I/O
    ///   thread, or throws.
    package nonisolated func forward(
        _ types: [any Event.Type],
        to send:
            @escaping @Sendable (
                _ events: [OutboxEvent], _ onOutcome: @escaping @Sendable (_ isConfirmed: Bool) -> Void
            ) async throws -> Void
    ) {
        forwarding.withLock { $0 = OutboxForwarding(types: Set(types.map { $0.type }), send: send) }
    }

    /// Queues `events` and starts as many batches as ``OutboxForwarding/concurrency`` allows. Skips events
    /// that were given up meanwhile.
    func forward(_ events: [OutboxEvent] = []) {
        unforwarded.append(contentsOf: events)
        while forwardsInProgress < OutboxForwarding.concurrency, !unforwarded.isEmpty {
            let batch = unforwarded.prefix(OutboxForwarding.batchSize).filter { state.isKnown($0.id) }
            unforwarded.removeFirst(min(OutboxForwarding.batchSize, unforwarded.count))
            if batch.isEmpty { continue }
            forwardsInProgress += 1
            Task(executorPreference: io) { await self.send(batch) }
        }
    }

    private func send(_ batch: [OutboxEvent]) async {
        do {
            try await forwarding.withLock(\.send)(batch) { [weak self] isConfirmed in
                self?.assumeIsolated { $0.forwarded(batch, isConfirmed: isConfirmed) }
            }
        } catch {
            logger.warning("events were not forwarded", metadata: ["events": "\(batch.count)", "error": "\(error)"])
            forwarded(batch, isConfirmed: false)
        }
        forwardsInProgress -= 1
        forward()
    }

    private func forwarded(_ events: [OutboxEvent], isConfirmed: Bool) {
        for event in events { if isConfirmed { state.forwarded(event.id) } else { state.notForwarded(event.id) } }
        if state.hasConfirmed { scheduleRemoval() }
        resumeIfIdle()
    }
}
