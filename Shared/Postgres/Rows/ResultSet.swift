import CPostgres

/// Owns a `PGresult` and frees it.
struct ResultSet: ~Copyable {
    let handle: OpaquePointer

    init(adopting handle: OpaquePointer) { self.handle = handle }
    deinit { PQclear(handle) }

    var status: ExecStatusType { PQresultStatus(handle) }

    /// The server's error report; `nil` when the error is not the server's.
    var report: ServerReport? {
        guard let state = field(martlet_pg_diag_sqlstate()) else { return nil }
        return ServerReport(
            sqlState: SQLState(rawValue: state), severity: field(martlet_pg_diag_severity()) ?? "ERROR",
            message: field(martlet_pg_diag_message()) ?? "", detail: field(martlet_pg_diag_detail()),
            hint: field(martlet_pg_diag_hint()), schema: field(martlet_pg_diag_schema()), table: field(martlet_pg_diag_table()),
            column: field(martlet_pg_diag_column()), constraint: field(martlet_pg_diag_constraint()),
            position: field(martlet_pg_diag_position()).flatMap { Int($0) })
    }

    /// libpq's message, for errors that are not the server's.
    var message: String { PQresultErrorMessage(handle).map { trimmed(String(cString: $0)) } ?? "" }

    /// Whether the statement was `BEGIN` or `START TRANSACTION`.
    var opensTransaction: Bool {
        // Checked for every statement without rows: compare the first byte before making a string.
        guard let first = PQcmdStatus(handle)?.pointee, first == CChar(UInt8(ascii: "B")) || first == CChar(UInt8(ascii: "S"))
        else { return false }
        return commandTag == "BEGIN" || commandTag == "START TRANSACTION"
    }

    /// The command tag, for example `INSERT 0 1` or `COMMIT`.
    var commandTag: String { PQcmdStatus(handle).map { String(cString: $0) } ?? "" }

    private func field(_ code: CInt) -> String? { PQresultErrorField(handle, code).map { String(cString: $0) } }
}

/// Returns a libpq message on one line, without the trailing line feed.
func trimmed(_ message: String) -> String {
    message.split(whereSeparator: \.isNewline).joined(separator: "; ").replacing("\t", with: "")
}

/// A finished result that rows refer to.
///
/// Sharing it is safe: libpq never writes to a result after returning it, and documents that several threads
/// may read it. The last reference frees it, on any thread.
final class SharedResult: @unchecked Sendable {
    private let content: ResultSet
    /// The pointer that `content` owns.
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

    /// The number of rows that the statement changed or returned.
    var affectedCount: Int { PQcmdTuples(handle).flatMap { Int(String(cString: $0)) } ?? 0 }

    func type(ofColumn column: Int) -> UInt32 { PQftype(handle, CInt(column)) }
    func name(ofColumn column: Int) -> String { PQfname(handle, CInt(column)).map { String(cString: $0) } ?? "" }
    func column(named name: String) -> Int? {
        // PQfnumber folds case and understands quotes; names here are exact.
        (0..<columnCount).first { self.name(ofColumn: $0) == name }
    }
}
