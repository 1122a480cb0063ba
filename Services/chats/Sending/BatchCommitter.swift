import Contracts
import Postgres

/// Sees a batch through: ids and commit, then the caches. What goes wrong is repeated, divided or told, so that no send fails for its neighbours' sake.
struct BatchCommitter: Sendable {
    /// How often the same drafts are tried together.
    static let attempts = 3

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
            return await store(Part(drafts: drafts, ids: try await nextIDs(drafts.count)), deadline)
        } catch {
            // Whatever became of the ids, nothing of the drafts was begun.
            let wait = (error as? ServiceError)?.retryAfterMilliseconds ?? 1_000
            return SettledBatch(
                drafts, failed: ServiceError(.unavailable, "there are no ids for messages now", retryAfterMilliseconds: wait))
        }
    }

    private func store(_ part: Part, _ deadline: ContinuousClock.Instant) async -> SettledBatch {
        var (part, attempt) = (part, 1)
        while true {
            do {
                return SettledBatch(try await commit(part.drafts, part.ids, deadline), ids: part.ids)
            } catch {
                let fault = StoreFault(error, isInDoubt: part.isInDoubt)
                part.isInDoubt = fault.isInDoubt
                if fault.isWorthRepeating, attempt < Self.attempts, await rest(after: attempt, until: deadline) {
                    attempt += 1
                } else if let places = part.divided(by: fault) {
                    return await store(part, dividedInto: places, deadline)
                } else {
                    return SettledBatch(part.drafts, failed: fault.refusal)
                }
            }
        }
    }

    private func store(_ part: Part, dividedInto places: [[Int]], _ deadline: ContinuousClock.Instant) async -> SettledBatch {
        var settled: [(places: [Int], batch: SettledBatch)] = []
        for places in places { settled.append((places, await store(part[places], deadline))) }
        return SettledBatch(settled)
    }

    /// 50 to 200 ms; false when the deadline does not allow it.
    private func rest(after attempt: Int, until deadline: ContinuousClock.Instant) async -> Bool {
        let length = Duration.milliseconds(Int64.random(in: 50...100) * Int64(attempt))
        guard .now + length < deadline else { return false }
        return (try? await pause(length)) != nil
    }
}

/// Drafts that are tried together.
private struct Part {
    var drafts: [Draft]
    var ids: [MessageID]
    /// An earlier try may have stored them.
    var isInDoubt = false

    subscript(places: [Int]) -> Part {
        Part(drafts: places.map { drafts[$0] }, ids: places.map { ids[$0] }, isInDoubt: isInDoubt)
    }

    /// The places of smaller parts that may fare better; `nil` when there are none.
    func divided(by fault: StoreFault) -> [[Int]]? {
        if drafts.count == 1 { return nil }
        if fault.isOfOneChat {
            let chats = Dictionary(grouping: drafts.indices) { drafts[$0].key.chatID }
            return chats.count > 1 ? chats.sorted { $0.key < $1.key }.map(\.value) : nil
        }
        let half = drafts.count / 2
        return fault.isOfOneDraft ? [Array(0..<half), Array(half..<drafts.count)] : nil
    }
}

/// Why a commit failed, and what follows from that.
private struct StoreFault {
    let error: any Error
    /// Whether this or an earlier try of the same drafts may have stored them.
    let isInDoubt: Bool
    private var database: PostgresError? { error as? PostgresError }

    init(_ error: any Error, isInDoubt: Bool) {
        self.error = error
        self.isInDoubt = isInDoubt || (error as? PostgresError)?.mayHaveHappened ?? false
    }

    /// A deadlock or a serialisation failure, a connection that was lost before the commit, or a commit whose answer was: the same drafts again give the
    /// answer, as sends are idempotent. While the database is away only those in doubt insist.
    var isWorthRepeating: Bool {
        guard let database else { return false }
        return database.isTransient || database.mayHaveHappened || database.reason == .connectionLost
            || isInDoubt && database.isUnavailable
    }

    /// Somebody else holds a chat's lock for longer than anybody should: its sends have to wait, those to other chats need not.
    var isOfOneChat: Bool { database?.sqlState == .lockNotAvailable }

    /// The server, or the connection, objects to something in these very statements. Everything else would befall the halves as well.
    var isOfOneDraft: Bool {
        guard let database else { return true }
        if database.reason == .invalidParameter { return true }
        return database.reason == .server && !database.isUnavailable && !database.isTransient && !isOfOneChat
            && database.sqlState != .queryCanceled
    }

    var refusal: ServiceError {
        if isInDoubt {
            return ServiceError(.unknownOutcome, "it is not known whether the message was stored; send it again")
        }
        return ServiceError(unavailable: error)
    }
}
