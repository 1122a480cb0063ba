/// One row of a result. Cheap: it refers to the result and holds no values itself.
package struct PostgresRow: Sendable {
    let result: SharedResult
    let index: Int

    /// Decodes all columns in order: `try row.decode((ChatID, String?).self)`, or a single one as `try
    /// row.decode(Int64.self)`.
    ///
    /// - Throws: ``PostgresError/Reason/unexpectedResult`` for a wrong number of columns, a column of another
    ///   type, or NULL where the type is not optional.
    package func decode<each Column: PostgresDecodable>(
        _ types: (repeat each Column).Type
    ) throws(PostgresError) -> (repeat each Column) {
        var count = 0
        let columns = (repeat try result.next(&count, as: (each Column).self))
        try result.checkCount(count)
        return (repeat try result.value(row: index, each columns))
    }

    /// Decodes the only column.
    package func decode<Value: PostgresDecodable>(_ type: Value.Type) throws(PostgresError) -> Value {
        try result.checkCount(1)
        return try result.value(row: index, try result.readable(0, as: type))
    }

    /// Decodes the column with this name.
    package func get<Value: PostgresDecodable>(_ name: String, as type: Value.Type = Value.self) throws(PostgresError) -> Value {
        guard let column = result.column(named: name) else {
            throw PostgresError(.unexpectedResult, "the result has no column “\(name)”")
        }
        return try result.value(row: index, try result.readable(column, as: type))
    }
}
