import CPostgres

/// One row of an answer. Cheap: it refers to the answer and holds no values itself.
package struct PostgresRow: Sendable {
    let result: SharedResult
    let index: Int

    /// All columns in order: `let (id, title) = try row.decode((ChatID, String?).self)`; a single one as `try row.decode(Int64.self)`.
    ///
    /// - Throws: ``PostgresError/Reason/unexpectedResult`` for another number of columns, a column of another type, or NULL where the type is not optional.
    package func decode<each Column: PostgresDecodable>(
        _ types: (repeat each Column).Type
    ) throws(PostgresError) -> (repeat each Column) {
        var column = 0
        let values = (repeat try next((each Column).self, &column))
        guard column == result.columnCount else {
            throw PostgresError(.unexpectedResult, "\(column) columns asked for, \(result.columnCount) in the answer")
        }
        return values
    }

    /// The only column.
    package func decode<Value: PostgresDecodable>(_ type: Value.Type) throws(PostgresError) -> Value {
        guard result.columnCount == 1 else {
            throw PostgresError(.unexpectedResult, "one column asked for, \(result.columnCount) in the answer")
        }
        return try value(at: 0, as: type)
    }

    /// One column by its name in the answer.
    ///
    /// - Throws: ``PostgresError/Reason/unexpectedResult``
    package func get<Value: PostgresDecodable>(_ name: String, as type: Value.Type = Value.self) throws(PostgresError) -> Value {
        guard let column = result.column(named: name) else {
            throw PostgresError(.unexpectedResult, "no column “\(name)” in the answer")
        }
        return try value(at: column, as: type)
    }

    private func next<Value: PostgresDecodable>(_ type: Value.Type, _ column: inout Int) throws(PostgresError) -> Value {
        defer { column += 1 }
        guard column < result.columnCount else {
            throw PostgresError(.unexpectedResult, "more columns asked for than the \(result.columnCount) of the answer")
        }
        return try value(at: column, as: type)
    }

    private func value<Value: PostgresDecodable>(at column: Int, as type: Value.Type) throws(PostgresError) -> Value {
        let typeID = result.type(ofColumn: column)
        guard Value.reads(typeID) else {
            throw PostgresError(
                .unexpectedResult,
                "column “\(result.name(ofColumn: column))” is \(PostgresType.name(of: typeID)), which \(Value.self) does not read: cast it in SQL"
            )
        }
        let (row, field) = (CInt(truncatingIfNeeded: index), CInt(truncatingIfNeeded: column))
        let length = Int(PQgetlength(result.handle, row, field))
        if length == 0, PQgetisnull(result.handle, row, field) != 0 { return try null(column) }
        let bytes = UnsafeRawBufferPointer(start: PQgetvalue(result.handle, row, field), count: length)
        return try Value.decode(bytes.bytes, type: typeID)
    }

    private func null<Value: PostgresDecodable>(_ column: Int) throws(PostgresError) -> Value {
        do {
            return try Value.decodeNull()
        } catch {
            throw PostgresError(.unexpectedResult, "column “\(result.name(ofColumn: column))”: \(error.message)")
        }
    }
}
