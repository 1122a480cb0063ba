import Contracts
import Postgres

extension ServiceError {
    /// What a caller is told of a database that failed; its own words never leave the service.
    init(_ error: PostgresError) {
        if error.reason == .deadlineExceeded || error.reason == .cancelled || error.sqlState == .queryCanceled {
            self.init(.deadlineExceeded, "the database took too long", mayHaveHappened: error.mayHaveHappened)
        } else if error.mayHaveHappened {
            self.init(.unknownOutcome, "the database was lost while it worked")
        } else if error.isUnavailable || error.isTransient {
            self.init(.unavailable, "the database cannot do this now", retryAfterMilliseconds: 500)
        } else {
            self.init(.internal, "the database refused", mayHaveHappened: false)
        }
    }
}
