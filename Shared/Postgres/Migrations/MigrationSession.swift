import CPostgres

/// A blocking connection for migrations, outside pipeline mode. Use it on a thread of its own.
struct MigrationSession: ~Copyable {
    private let handle: ConnectionHandle
    private var raw: OpaquePointer { handle.raw }

    /// Connects and lifts the statement timeouts of the role. The settings are SQL because a pooler may drop
    /// other ones.
    init(_ configuration: PostgresConfiguration) throws(PostgresError) {
        let opened = ConnectionHandle(adopting: try OpenedConnection.open(configuration, direct: true))
        _ = try Self.rows(from: PQexec(opened.raw, "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0"))
        handle = opened
    }

    /// Runs a script of any number of statements; outside a transaction block they are one transaction.
    borrowing func run(script: String) throws(PostgresError) { _ = try Self.rows(from: PQexec(raw, script)) }

    /// Runs one statement with parameters.
    @discardableResult
    borrowing func query(_ sql: SQL) throws(PostgresError) -> PostgresRows {
        let result = sql.parameters.withArguments { arguments in
            PQexecParams(
                raw, sql.text, arguments.count, arguments.types, arguments.values, arguments.lengths, arguments.formats, 1)
        }
        return try Self.rows(from: result)
    }

    /// Returns a request that cancels the running statement from another thread.
    borrowing func cancelRequest() -> CancelRequest? { PQgetCancel(raw).map { CancelRequest($0) } }

    borrowing func isInTransaction() -> Bool { PQtransactionStatus(raw) == PQTRANS_INTRANS }
    borrowing func isUsable() -> Bool { PQstatus(raw) == CONNECTION_OK }

    private static func rows(from result: OpaquePointer?) throws(PostgresError) -> PostgresRows {
        guard let result else { throw PostgresError(.connectionLost, "out of memory while reading a result") }
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
