import Contracts
import Postgres

extension ServiceError {
    /// Maps a database error for the caller, without the database's own text.
    init(_ error: PostgresError) {
        if error.reason == .deadlineExceeded || error.reason == .cancelled || error.sqlState == .queryCanceled {
            self.init(.deadlineExceeded, "the database took too long", mayHaveHappened: error.mayHaveHappened)
        } else if error.mayHaveHappened {
            self.init(.unknownOutcome, "the connection to the database was lost during the request; the outcome is unknown")
        } else if error.isUnavailable || error.isTransient {
            self.init(.unavailable, "the database is unavailable", retryAfterMilliseconds: 500)
        } else {
            self.init(.internal, "the database rejected the request", mayHaveHappened: false)
        }
    }
}
