import Contracts
import Postgres

extension ServiceError {
    /// What a caller is told of a database that failed: to ask again, unless it is our own fault.
    init(_ error: PostgresError) {
        if error.isUnavailable || error.isTransient || error.sqlState == .queryCanceled {
            self.init(.unavailable, "the database cannot do this now", retryAfterMilliseconds: 500)
        } else if error.reason == .deadlineExceeded || error.reason == .cancelled {
            self.init(.deadlineExceeded, "it was not done in time", mayHaveHappened: error.mayHaveHappened)
        } else {
            self.init(.internal, "the request failed", mayHaveHappened: error.mayHaveHappened)
        }
    }
}
