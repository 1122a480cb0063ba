import Cache
import Contracts
import Postgres
import ServiceKit

extension ServiceError {
    /// What a caller is told of a failure beneath us: that it may be tried again, unless it may have happened or is our own fault.
    init(unavailable error: any Error) {
        switch error {
        case let error as ServiceError: self = error
        case let error as PostgresError: self.init(error)
        case is CacheOverloaded: self.init(.unavailable, "too many reads wait", retryAfterMilliseconds: 1_000)
        case is AdmissionRefused:
            self.init(.unavailable, "too many changes wait", retryAfterMilliseconds: 500)
        case is CacheLoadTimedOut: self.init(.unavailable, "the database is slow", retryAfterMilliseconds: 1_000)
        case is CancellationError: self.init(.deadlineExceeded, "it was not done in time")
        default: self.init(.internal, "the request failed")
        }
    }

    init(_ error: PostgresError) {
        if error.isUnavailable || error.isTransient || error.sqlState == .queryCanceled || error.sqlState == .lockNotAvailable {
            if error.mayHaveHappened {
                self.init(.unknownOutcome, "the database went away before it answered")
            } else {
                self.init(.unavailable, "the database cannot do this now", retryAfterMilliseconds: 1_000)
            }
        } else if error.reason == .deadlineExceeded || error.reason == .cancelled {
            self.init(.deadlineExceeded, "it was not done in time", mayHaveHappened: error.mayHaveHappened)
        } else {
            self.init(.internal, "the request failed", mayHaveHappened: error.mayHaveHappened)
        }
    }
}
