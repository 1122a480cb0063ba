import Contracts
import Postgres

/// Why a commit failed, and what follows from that.
struct CommitFailure {
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
