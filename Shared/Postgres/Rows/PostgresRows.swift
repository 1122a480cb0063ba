/// The rows of a statement, decoded on demand from libpq's memory. The last copy of this value or of a row
/// frees it.
package struct PostgresRows: Sendable, RandomAccessCollection {
    let result: SharedResult

    package var startIndex: Int { 0 }
    package var endIndex: Int { result.rowCount }
    package subscript(index: Int) -> PostgresRow {
        precondition(indices.contains(index), "row \(index) of \(count)")
        return PostgresRow(result: result, index: index)
    }

    /// The number of rows inserted, updated, deleted or returned.
    package var affectedCount: Int { result.affectedCount }

    package var columnNames: [String] { (0..<result.columnCount).map(result.name(ofColumn:)) }
}

extension PostgresRows {
    /// Decodes all rows as tuples, one type per column: `rows.decode((Int64, String?).self)`.
    ///
    /// - Throws: ``PostgresError/Reason/unexpectedResult``
    package func decode<each Column: PostgresDecodable>(
        _ types: (repeat each Column).Type
    ) throws(PostgresError) -> [(repeat each Column)] {
        // Without rows neither types nor columns are checked.
        if isEmpty { return [] }
        var decoded: [(repeat each Column)] = []
        decoded.reserveCapacity(count)
        var columnCount = 0
        let columns = (repeat try result.next(&columnCount, as: (each Column).self))
        try result.checkCount(columnCount)
        for row in indices { decoded.append((repeat try result.value(row: row, each columns))) }
        return decoded
    }

    /// Decodes the only column of all rows.
    package func decode<Value: PostgresDecodable>(_ type: Value.Type) throws(PostgresError) -> [Value] {
        if isEmpty { return [] }
        var decoded: [Value] = []
        decoded.reserveCapacity(count)
        try result.checkCount(1)
        let column = try result.readable(0, as: type)
        for row in indices { decoded.append(try result.value(row: row, column)) }
        return decoded
    }

    /// Decodes the only row; `nil` when there is none.
    package func first<each Column: PostgresDecodable>(
        as types: (repeat each Column).Type
    ) throws(PostgresError) -> (repeat each Column)? {
        try only()?.decode(types)
    }

    package func first<Value: PostgresDecodable>(as type: Value.Type) throws(PostgresError) -> Value? {
        try only()?.decode(type)
    }

    /// Decodes the only row.
    package func one<each Column: PostgresDecodable>(
        as types: (repeat each Column).Type
    ) throws(PostgresError) -> (repeat each Column) {
        try required().decode(types)
    }

    package func one<Value: PostgresDecodable>(as type: Value.Type) throws(PostgresError) -> Value {
        try required().decode(type)
    }

    private func only() throws(PostgresError) -> PostgresRow? {
        guard count <= 1 else { throw PostgresError(.unexpectedResult, "\(count) rows where at most one is expected") }
        return first
    }

    private func required() throws(PostgresError) -> PostgresRow {
        guard let row = try only() else { throw PostgresError(.unexpectedResult, "no row where one is expected") }
        return row
    }
}
