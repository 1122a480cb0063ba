extension PostgresRows {
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

    /// The values of the only column.
    package func decode<Value: PostgresDecodable>(_ type: Value.Type) throws(PostgresError) -> [Value] {
        var decoded: [Value] = []
        decoded.reserveCapacity(count)
        for index in indices { decoded.append(try PostgresRow(result: result, index: index).decode(type)) }
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
