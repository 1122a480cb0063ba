import CPostgres

/// A connection for migrations: outside pipeline mode, and it blocks. For a thread of its own.
struct MigrationSession: ~Copyable {
    private let raw: OpaquePointer

    init(_ configuration: PostgresConfiguration) throws(PostgresError) {
        raw = try OpenedConnection.open(configuration, direct: true).intoRaw()
    }

    deinit { PQfinish(raw) }

    /// Runs a script of any number of statements; without a transaction around, they are one.
    borrowing func run(script: String) throws(PostgresError) { _ = try take(PQexec(raw, script)) }

    /// Runs one statement with its values.
    @discardableResult
    borrowing func query(_ sql: SQL) throws(PostgresError) -> PostgresRows {
        let result = sql.parameters.withArguments { arguments in
            PQexecParams(
                raw, sql.text, arguments.count, arguments.types, arguments.values, arguments.lengths, arguments.formats, 1)
        }
        return try take(result)
    }

    borrowing func isInTransaction() -> Bool { PQtransactionStatus(raw) == PQTRANS_INTRANS }
    borrowing func isUsable() -> Bool { PQstatus(raw) == CONNECTION_OK }

    private borrowing func take(_ result: OpaquePointer?) throws(PostgresError) -> PostgresRows {
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
