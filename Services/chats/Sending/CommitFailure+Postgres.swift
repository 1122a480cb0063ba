import Contracts
import Postgres
import ServiceKit

extension CommitFailure {
    /// Classifies an error of ``SendStore/commit(_:ids:deadline:)``.
    init(_ error: any Error) {
        let database = error as? PostgresError
        self.init(
            scope: database.map { Self.scope(of: $0) } ?? .draft,
            repetition: database.map { Self.repetition(after: $0) } ?? .useless,
            mayHaveHappened: database?.mayHaveHappened ?? false, error: ServiceError(thrown: error))
    }

    private static func scope(of error: PostgresError) -> Scope {
        if error.sqlState == .lockNotAvailable { return .chat }
        switch error.reason {
        case .invalidParameter: return .draft
        case .server where !error.isUnavailable && !error.isTransient && error.sqlState != .queryCanceled: return .draft
        default: return .batch
        }
    }

    /// Another attempt is useful after a deadlock, a serialisation failure, a connection lost before the
    /// commit, and a commit whose answer was lost.
    private static func repetition(after error: PostgresError) -> Repetition {
        if error.isTransient || error.mayHaveHappened || error.reason == .connectionLost { return .useful }
        return error.isUnavailable ? .clarifying : .useless
    }
}
