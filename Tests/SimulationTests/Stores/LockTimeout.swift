@testable import Postgres

extension ServerReport {
    /// What Postgres says when somebody else has held a row for too long.
    static let lockNotAvailable = ServerReport(
        sqlState: .lockNotAvailable, severity: "ERROR", message: "canceling statement due to lock timeout", detail: nil,
        hint: nil,
        schema: nil, table: nil, column: nil, constraint: nil, position: nil)
}
