import Contracts
import Postgres

/// Sees a batch through: ids, commit, cache, answers. What goes wrong is repeated, split or told, so that no send fails for its neighbours' sake.
struct BatchCommitter: Sendable {
    typealias Answer = Result<SendMessage.Response, ServiceError>

    /// How often one batch is tried while it may still succeed.
    static let attempts = 3

    /// Gives so many ids, ascending.
    let nextIDs: @Sendable (Int) async throws -> [MessageID]
    /// Decides and commits; see ``SendStore/commit(_:ids:deadline:)``.
    let commit: @Sendable ([Draft], [MessageID], ContinuousClock.Instant) async throws -> SendBatch.Decision
    /// Tells the caches what was committed, before anybody is answered. Cannot fail.
    let tell: @Sendable (SendBatch.Decision) async -> Void

    /// - Returns: one answer for each draft, in their order.
    func answer(_ drafts: [Draft], deadline: ContinuousClock.Instant) async -> [Answer] {
        if drafts.isEmpty { return [] }
        do {
            return await store(drafts, ids: try await nextIDs(drafts.count), deadline: deadline)
        } catch {
            return drafts.map { _ in .failure(ServiceError(unavailable: error)) }
        }
    }

    private func store(_ drafts: [Draft], ids: [MessageID], deadline: ContinuousClock.Instant) async -> [Answer] {
        var mayHaveHappened = false
        var attempt = 1
        while true {
            do {
                let decision = try await commit(drafts, ids, deadline)
                await tell(decision)
                return decision.outcomes.map(Answer.init(outcome:))
            } catch {
                let fault = StoreFault(error)
                mayHaveHappened = mayHaveHappened || fault.mayHaveHappened
                if fault.isWorthRepeating, Self.attempts > attempt, ContinuousClock.now < deadline {
                    attempt += 1
                } else if fault.isOfOne, drafts.count > 1 {
                    return await split(drafts, ids, deadline)
                } else {
                    return drafts.map { _ in .failure(fault.refusal(mayHaveHappened: mayHaveHappened)) }
                }
            }
        }
    }

    /// Something in the batch cannot be stored: by halves, until it is alone.
    private func split(_ drafts: [Draft], _ ids: [MessageID], _ deadline: ContinuousClock.Instant) async -> [Answer] {
        let half = drafts.count / 2
        let first = await store(Array(drafts[..<half]), ids: Array(ids[..<half]), deadline: deadline)
        return first + (await store(Array(drafts[half...]), ids: Array(ids[half...]), deadline: deadline))
    }
}

extension BatchCommitter.Answer {
    fileprivate init(outcome: SendBatch.Outcome) {
        switch outcome {
        case .stored(let message): self = .success(SendMessage.Response(message: message, repeated: false))
        case .repeated(let message): self = .success(SendMessage.Response(message: message, repeated: true))
        case .refused(let error): self = .failure(error)
        }
    }
}

/// Why a commit failed, and what follows from that.
private struct StoreFault {
    let error: any Error
    private var database: PostgresError? { error as? PostgresError }

    init(_ error: any Error) { self.error = error }

    var mayHaveHappened: Bool { database?.mayHaveHappened ?? false }

    /// A deadlock, a serialisation failure, or a commit whose answer was lost: the same drafts again give the answer, as sends are idempotent.
    var isWorthRepeating: Bool { database.map { $0.isTransient || $0.mayHaveHappened } ?? false }

    /// The server, or the connection, objects to something in these very statements. Everything else would befall the halves as well.
    var isOfOne: Bool {
        guard let database else { return true }
        if database.reason == .invalidParameter { return true }
        return database.reason == .server && !database.isUnavailable && !database.isTransient
            && database.sqlState != .queryCanceled
    }

    func refusal(mayHaveHappened: Bool) -> ServiceError {
        if mayHaveHappened {
            return ServiceError(.unknownOutcome, "it is not known whether the message was stored; send it again")
        }
        return ServiceError(unavailable: error)
    }
}
