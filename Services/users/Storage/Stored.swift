import Contracts
import Postgres

extension PasswordHash: PostgresValue {}
extension Role: PostgresValue {}

extension PostgresError {
    /// What a caller of ours is told; database text never leaves the service.
    var serviceError: ServiceError {
        if reason == .deadlineExceeded || sqlState == .queryCanceled {
            return ServiceError(.deadlineExceeded, "the database took too long", mayHaveHappened: mayHaveHappened)
        }
        if mayHaveHappened { return ServiceError(.unknownOutcome, "the database was lost while it worked") }
        if isUnavailable { return ServiceError(.unavailable, "the database is away", retryAfterMilliseconds: 1_000) }
        return ServiceError(.internal, "the database refused", mayHaveHappened: false)
    }
}
