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
