import Contracts

/// Commits one batch: fetches ids, commits, and after a failure repeats or divides the batch, so that no send
/// fails because of another.
struct BatchCommitter: Sendable {
    /// Returns the given number of ids, ascending.
    let nextIDs: @Sendable (Int) async throws -> [MessageID]
    /// Decides and commits; see ``SendStore/commit(_:ids:deadline:)``.
    let commit: @Sendable ([Draft], [MessageID], ContinuousClock.Instant) async throws -> SendBatch.Decision
    /// Applies the outcome of a batch to the caches. Runs before the senders are answered.
    let updateCaches: @Sendable (SettledBatch) async -> Void
    /// Waits between two attempts. A lost connection is usually replaced within that time.
    var pause: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }

    /// Commits as many of the drafts as possible.
    ///
    /// - Returns: the answers for the senders. They must not be sent before ``updateCaches`` has returned.
    func settle(_ drafts: [Draft], deadline: ContinuousClock.Instant) async -> SettledBatch {
        if drafts.isEmpty { return SettledBatch() }
        do {
            return await store(BatchSegment(drafts: drafts, ids: try await nextIDs(drafts.count)), deadline)
        } catch {
            // The commit has not started, so nothing is stored, even if the outcome of the id request is
            // unknown.
            let wait = (error as? ServiceError)?.retryAfterMilliseconds ?? 1_000
            return SettledBatch(
                drafts,
                failed: ServiceError(.unavailable, "messages cannot be stored now; try again", retryAfterMilliseconds: wait))
        }
    }

    private func store(_ segment: BatchSegment, _ deadline: ContinuousClock.Instant) async -> SettledBatch {
        var segment = segment
        while true {
            do {
                return SettledBatch(try await commit(segment.drafts, segment.ids, deadline), ids: segment.ids)
            } catch {
                let next = segment.record(CommitFailure(error))
                if next.mayRepeat, await rest(after: segment.failedAttempts, until: deadline) { continue }
                switch next.otherwise {
                case .divide(let pieces): return await store(pieces, deadline)
                case .refuse(let refusal): return SettledBatch(segment.drafts, failed: refusal)
                }
            }
        }
    }

    private func store(_ pieces: [BatchSegment.Piece], _ deadline: ContinuousClock.Instant) async -> SettledBatch {
        var settled: [(indices: [Int], batch: SettledBatch)] = []
        for (indices, segment) in pieces { settled.append((indices, await store(segment, deadline))) }
        return SettledBatch(settled)
    }

    /// Pauses for 50 to 200 ms.
    ///
    /// - Returns: false, without a pause, if the deadline does not permit one.
    private func rest(after attempt: Int, until deadline: ContinuousClock.Instant) async -> Bool {
        let length = Duration.milliseconds(Int64.random(in: 50...100) * Int64(attempt))
        guard .now + length < deadline else { return false }
        return (try? await pause(length)) != nil
    }
}
