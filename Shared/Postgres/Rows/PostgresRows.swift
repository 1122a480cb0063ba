/// A statement's answer: its rows, read where libpq put them and decoded when asked; freed with the last copy of this value or of a row.
package struct PostgresRows: Sendable, RandomAccessCollection {
    let result: SharedResult

    package var startIndex: Int { 0 }
    package var endIndex: Int { result.rowCount }
    package subscript(index: Int) -> PostgresRow {
        precondition(indices.contains(index), "row \(index) of \(count)")
        return PostgresRow(result: result, index: index)
    }

    /// Rows inserted, updated, deleted or returned.
    package var affectedCount: Int { result.affectedCount }

    package var columnNames: [String] { (0..<result.columnCount).map(result.name(ofColumn:)) }
}

extension PostgresRows {
    /// All rows, each as a tuple: `rows.decode((Int64, String?).self)`, one type per column.
    ///
    /// - Throws: ``PostgresError/Reason/unexpectedResult``
    package func decode<each Column: PostgresDecodable>(
        _ types: (repeat each Column).Type
    ) throws(PostgresError) -> [(repeat each Column)] {
        // Without rows nothing is decoded, and nothing checked.
        if isEmpty { return [] }
        var decoded: [(repeat each Column)] = []
        decoded.reserveCapacity(count)
        var columnCount = 0
        let columns = (repeat try result.next(&columnCount, as: (each Column).self))
        try result.checkCount(columnCount)
        for row in indices { decoded.append((repeat try result.value(row: row, each columns))) }
        return decoded
    }

    /// The values of the only column.
    package func decode<Value: PostgresDecodable>(_ type: Value.Type) throws(PostgresError) -> [Value] {
        if isEmpty { return [] }
        var decoded: [Value] = []
        decoded.reserveCapacity(count)
        try result.checkCount(1)
        let column = try result.readable(0, as: type)
        for row in indices { decoded.append(try result.value(row: row, column)) }
        return decoded
    }

    /// The only row, or `nil` when there is none.
    package func first<each Column: PostgresDecodable>(
        as types: (repeat each Column).Type
    ) throws(PostgresError) -> (repeat each Column)? {
        try only()?.decode(types)
    }

    package func first<Value: PostgresDecodable>(as type: Value.Type) throws(PostgresError) -> Value? {
        try only()?.decode(type)
    }

    /// The only row.
    package func one<each Column: PostgresDecodable>(
        as types: (repeat each Column).Type
    ) throws(PostgresError) -> (repeat each Column) {
        try certain().decode(types)
    }

    package func one<Value: PostgresDecodable>(as type: Value.Type) throws(PostgresError) -> Value {
        try certain().decode(type)
    }

    private func only() throws(PostgresError) -> PostgresRow? {
        guard count <= 1 else { throw PostgresError(.unexpectedResult, "\(count) rows where one at most is wanted") }
        return first
    }

    private func certain() throws(PostgresError) -> PostgresRow {
        guard let row = try only() else { throw PostgresError(.unexpectedResult, "no row where one is wanted") }
        return row
    }
}
