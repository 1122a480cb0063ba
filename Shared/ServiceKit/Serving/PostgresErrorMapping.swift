import Cache
import Contracts
import Postgres

extension ServiceError {
    /// Creates the error that a caller of the service gets for a failed statement or transaction. Database
    /// text never leaves the service.
    ///
    /// | failure | code |
    /// | --- | --- |
    /// | the call's deadline, a cancelled task, `statement_timeout` (57014) | `deadlineExceeded` |
    /// | the connection was lost while a commit was in flight | `unknownOutcome` |
    /// | no connection, a full queue, a read-only server (25006) | `unavailable` |
    /// | a deadlock, a serialization failure, a lock timeout | `unavailable` |
    /// | anything else | `internal` |
    ///
    /// 57014 reaches a caller only from `statement_timeout` or from an operator, because a statement that
    /// this process cancels at a deadline has failed already. In both cases the database was too slow, which
    /// opens the circuit breakers of callers. The server has rolled back, so ``mayHaveHappened`` is false.
    package init(_ error: PostgresError) {
        if error.reason == .deadlineExceeded || error.reason == .cancelled || error.sqlState == .queryCanceled {
            self.init(.deadlineExceeded, "the request took too long", mayHaveHappened: error.mayHaveHappened)
        } else if error.mayHaveHappened {
            self.init(.unknownOutcome, "it is unknown whether the request took effect")
        } else if error.isUnavailable || error.isTransient || error.sqlState == .lockNotAvailable {
            self = .retryLater
        } else {
            // An unexpected result is one of a statement that succeeded.
            self.init(.internal, "the request failed", mayHaveHappened: error.reason == .unexpectedResult)
        }
    }

    /// Creates the error that a caller gets for whatever a handler threw.
    package init(thrown error: any Error) {
        switch error {
        case let error as ServiceError: self = error
        case let error as PostgresError: self.init(error)
        case is CacheOverloaded, is CacheLoadTimedOut: self = .retryLater
        case is AdmissionRefused:
            self.init(.unavailable, "the service is busy; retry in a moment", retryAfterMilliseconds: 500)
        case is CancellationError: self.init(.deadlineExceeded, "the request took too long")
        default: self.init(.internal, "the request failed")
        }
    }

    private static let retryLater = ServiceError(
        .unavailable, "the service cannot answer now; retry in a moment", retryAfterMilliseconds: 1_000)
}
