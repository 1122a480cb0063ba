import CPostgres

/// A column of a result whose type a Swift type can read. Checked once per result, not per row.
struct ReadableColumn<Value: PostgresDecodable>: Sendable {
    let index: CInt
    let type: UInt32
}

extension SharedResult {
    /// - Throws: ``PostgresError/Reason/unexpectedResult``
    func readable<Value: PostgresDecodable>(_ column: Int, as type: Value.Type) throws(PostgresError) -> ReadableColumn<Value> {
        guard column < columnCount else { throw tooFewColumns() }
        let index = CInt(truncatingIfNeeded: column)
        let typeID = PQftype(handle, index)
        guard Value.reads(typeID) else { throw unreadable(column, "\(Value.self)") }
        return ReadableColumn(index: index, type: typeID)
    }

    /// Checks the next of several columns and advances `column`.
    func next<Value: PostgresDecodable>(_ column: inout Int, as type: Value.Type) throws(PostgresError) -> ReadableColumn<Value> {
        defer { column += 1 }
        return try readable(column, as: type)
    }

    func value<Value: PostgresDecodable>(row: Int, _ column: ReadableColumn<Value>) throws(PostgresError) -> Value {
        let row = CInt(truncatingIfNeeded: row)
        let length = Int(PQgetlength(handle, row, column.index))
        if length == 0, PQgetisnull(handle, row, column.index) != 0 { return try null(column) }
        let bytes = UnsafeRawBufferPointer(start: PQgetvalue(handle, row, column.index), count: length)
        return try Value.decode(bytes.bytes, type: column.type)
    }

    func null<Value: PostgresDecodable>(_ column: ReadableColumn<Value>) throws(PostgresError) -> Value {
        do throws(PostgresError) {
            return try Value.decodeNull()
        } catch {
            throw unexpectedNull(column.index, error)
        }
    }

    func checkCount(_ expected: Int) throws(PostgresError) {
        guard expected == columnCount else {
            throw PostgresError(.unexpectedResult, "\(expected) columns requested, the result has \(columnCount)")
        }
    }

    func tooFewColumns() -> PostgresError {
        PostgresError(.unexpectedResult, "more columns requested than the \(columnCount) of the result")
    }

    func unreadable(_ column: Int, _ reader: String) -> PostgresError {
        let type = PostgresType.name(of: type(ofColumn: column))
        return PostgresError(
            .unexpectedResult, "column “\(name(ofColumn: column))” is \(type), which \(reader) cannot read: cast it in SQL")
    }

    func unexpectedNull(_ column: CInt, _ cause: PostgresError) -> PostgresError {
        PostgresError(.unexpectedResult, "column “\(name(ofColumn: Int(column)))”: \(cause.message)")
    }
}
