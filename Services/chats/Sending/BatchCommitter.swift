import Contracts
import Postgres

/// Sees a batch through: ids and commit, then the caches. What goes wrong is repeated, divided or told, so that no send fails for its neighbours' sake.
struct BatchCommitter: Sendable {
    /// Gives so many ids, ascending.
    let nextIDs: @Sendable (Int) async throws -> [MessageID]
    /// Decides and commits; see ``SendStore/commit(_:ids:deadline:)``.
    let commit: @Sendable ([Draft], [MessageID], ContinuousClock.Instant) async throws -> SendBatch.Decision
    /// Tells the caches what became of a batch, before anybody is answered. Cannot fail.
    let tell: @Sendable (SettledBatch) async -> Void
    /// Passes the time between two tries. A connection that was lost is back within that, as a rule.
    var pause: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }

    /// Commits what can be committed.
    ///
    /// - Returns: what the senders are to be answered, once ``tell`` is done with it.
    func settle(_ drafts: [Draft], deadline: ContinuousClock.Instant) async -> SettledBatch {
        if drafts.isEmpty { return SettledBatch() }
        do {
            return await store(BatchSegment(drafts: drafts, ids: try await nextIDs(drafts.count)), deadline)
        } catch {
            // Whatever became of the ids, nothing of the drafts was begun.
            let wait = (error as? ServiceError)?.retryAfterMilliseconds ?? 1_000
            return SettledBatch(
                drafts, failed: ServiceError(.unavailable, "there are no ids for messages now", retryAfterMilliseconds: wait))
        }
    }

    private func store(_ part: BatchSegment, _ deadline: ContinuousClock.Instant) async -> SettledBatch {
        var part = part
        while true {
            do {
                return SettledBatch(try await commit(part.drafts, part.ids, deadline), ids: part.ids)
            } catch {
                let failure = part.failed(with: error)
                if failure.isWorthRepeating, await rest(after: part.attempts, until: deadline) { continue }
                switch failure.otherwise {
                case .divide(let parts): return await store(parts, deadline)
                case .refuse(let refusal): return SettledBatch(part.drafts, failed: refusal)
                }
            }
        }
    }

    private func store(_ parts: [BatchSegment.Piece], _ deadline: ContinuousClock.Instant) async -> SettledBatch {
        var settled: [(places: [Int], batch: SettledBatch)] = []
        for (places, part) in parts { settled.append((places, await store(part, deadline))) }
        return SettledBatch(settled)
    }

    /// 50 to 200 ms; false when the deadline does not allow it.
    private func rest(after attempt: Int, until deadline: ContinuousClock.Instant) async -> Bool {
        let length = Duration.milliseconds(Int64.random(in: 50...100) * Int64(attempt))
        guard .now + length < deadline else { return false }
        return (try? await pause(length)) != nil
    }
}
