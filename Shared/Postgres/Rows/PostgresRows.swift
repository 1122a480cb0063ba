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

    /// All rows, each as a tuple: `rows.decode((Int64, String?).self)`, one type per column.
    ///
    /// - Throws: ``PostgresError/Reason/unexpectedResult``
    package func decode<each Column: PostgresDecodable>(
        _ types: (repeat each Column).Type
    ) throws(PostgresError) -> [(repeat each Column)] {
        var decoded: [(repeat each Column)] = []
        decoded.reserveCapacity(count)
        for index in indices { decoded.append(try PostgresRow(result: result, index: index).decode(types)) }
        return decoded
    }
}
