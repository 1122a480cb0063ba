import CPostgres

/// A `PGresult`, freed with this value.
struct ResultSet: ~Copyable {
    let handle: OpaquePointer

    init(adopting handle: OpaquePointer) { self.handle = handle }
    deinit { PQclear(handle) }

    var status: ExecStatusType { PQresultStatus(handle) }

    /// What the server said went wrong; `nil` when it was not the server.
    var report: ServerReport? {
        guard let state = field(martlet_pg_diag_sqlstate()) else { return nil }
        return ServerReport(
            sqlState: SQLState(rawValue: state), severity: field(martlet_pg_diag_severity()) ?? "ERROR",
            message: field(martlet_pg_diag_message()) ?? "", detail: field(martlet_pg_diag_detail()),
            hint: field(martlet_pg_diag_hint()), schema: field(martlet_pg_diag_schema()), table: field(martlet_pg_diag_table()),
            column: field(martlet_pg_diag_column()), constraint: field(martlet_pg_diag_constraint()),
            position: field(martlet_pg_diag_position()).flatMap { Int($0) })
    }

    /// libpq's own words, for errors that are not the server's.
    var message: String { PQresultErrorMessage(handle).map { trimmed(String(cString: $0)) } ?? "" }

    /// What ran was `BEGIN`, under any of its names.
    var opensTransaction: Bool {
        // Looked at for every statement without rows, so the text is made only for the few that begin like it.
        guard let first = PQcmdStatus(handle)?.pointee, first == CChar(UInt8(ascii: "B")) || first == CChar(UInt8(ascii: "S"))
        else { return false }
        return commandTag == "BEGIN" || commandTag == "START TRANSACTION"
    }

    /// `INSERT 0 1`, `COMMIT`, …
    var commandTag: String { PQcmdStatus(handle).map { String(cString: $0) } ?? "" }

    private func field(_ code: CInt) -> String? { PQresultErrorField(handle, code).map { String(cString: $0) } }
}

/// On one line, and without the line feed at the end that libpq's messages have.
func trimmed(_ message: String) -> String {
    message.split(whereSeparator: \.isNewline).joined(separator: "; ").replacing("\t", with: "")
}

/// A finished result that rows refer to.
///
/// Sharing it between threads is safe: libpq never writes to a result once it has been handed out, and its documentation allows a result to be read by many threads.
/// It is freed with the last reference, from whatever thread.
final class SharedResult: @unchecked Sendable {
    private let content: ResultSet
    /// Of `content`, which frees it.
    let handle: OpaquePointer
    let rowCount: Int
    let columnCount: Int

    init(_ set: consuming ResultSet) {
        handle = set.handle
        rowCount = Int(PQntuples(set.handle))
        columnCount = Int(PQnfields(set.handle))
        content = set
    }

    var commandTag: String { content.commandTag }

    /// Rows that the statement changed, or found.
    var affectedCount: Int { PQcmdTuples(handle).flatMap { Int(String(cString: $0)) } ?? 0 }

    func type(ofColumn column: Int) -> UInt32 { PQftype(handle, CInt(column)) }
    func name(ofColumn column: Int) -> String { PQfname(handle, CInt(column)).map { String(cString: $0) } ?? "" }
    func column(named name: String) -> Int? {
        // PQfnumber folds case and understands quotes; names here are exact.
        (0..<columnCount).first { self.name(ofColumn: $0) == name }
    }
}
