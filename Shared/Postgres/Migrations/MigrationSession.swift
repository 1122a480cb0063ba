import CPostgres

/// A connection for migrations: outside pipeline mode, and it blocks. For a thread of its own.
struct MigrationSession: ~Copyable {
    private let handle: ConnectionHandle
    private var raw: OpaquePointer { handle.raw }

    /// Its statements take as long as they take, whatever is set for the role: in SQL, because a pooler in between may not pass on other settings.
    init(_ configuration: PostgresConfiguration) throws(PostgresError) {
        let opened = ConnectionHandle(adopting: try OpenedConnection.open(configuration, direct: true))
        _ = try Self.take(PQexec(opened.raw, "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0"))
        handle = opened
    }

    /// Runs a script of any number of statements; without a transaction around, they are one.
    borrowing func run(script: String) throws(PostgresError) { _ = try Self.take(PQexec(raw, script)) }

    /// Runs one statement with its values.
    @discardableResult
    borrowing func query(_ sql: SQL) throws(PostgresError) -> PostgresRows {
        let result = sql.parameters.withArguments { arguments in
            PQexecParams(
                raw, sql.text, arguments.count, arguments.types, arguments.values, arguments.lengths, arguments.formats, 1)
        }
        return try Self.take(result)
    }

    /// What it takes to stop the statement from another thread.
    borrowing func cancelRequest() -> CancelRequest? { PQgetCancel(raw).map { CancelRequest($0) } }

    borrowing func isInTransaction() -> Bool { PQtransactionStatus(raw) == PQTRANS_INTRANS }
    borrowing func isUsable() -> Bool { PQstatus(raw) == CONNECTION_OK }

    private static func take(_ result: OpaquePointer?) throws(PostgresError) -> PostgresRows {
        guard let result else { throw PostgresError(.connectionLost, "no memory for an answer") }
        let set = ResultSet(adopting: result)
        switch set.status {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: return PostgresRows(result: SharedResult(set))
        default:
            let report = set.report
            guard let report, !report.endsConnection else {
                throw PostgresError(.connectionLost, report?.message ?? set.message, mayHaveHappened: true, report: report)
            }
            throw PostgresError(.server, report.message, report: report)
        }
    }
}
