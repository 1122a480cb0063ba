/// A source of query results: a pool, its reads, or a transaction.
///
/// Rows are decoded to tuples, one type per column: `try await pool.query("SELECT id, title …", as: (ChatID,
/// String?).self)`. The overloads for one column return plain values, because the compiler treats a tuple of
/// one element differently.
package protocol PostgresQuerying {
    func query(_ sql: SQL) async throws(PostgresError) -> PostgresRows
}

extension PostgresQuerying {
    /// Runs a statement and decodes each row as a tuple.
    package func query<each Column: PostgresDecodable>(
        _ sql: SQL, as types: (repeat each Column).Type
    ) async throws(PostgresError) -> [(repeat each Column)] {
        try await query(sql).decode(types)
    }

    package func query<Value: PostgresDecodable>(_ sql: SQL, as type: Value.Type) async throws(PostgresError) -> [Value] {
        try await query(sql).decode(type)
    }

    /// Returns the row of a statement that finds at most one.
    ///
    /// - Throws: ``PostgresError/Reason/unexpectedResult`` for more than one row, and the errors of
    ///   `query(_:)`.
    package func first<each Column: PostgresDecodable>(
        _ sql: SQL, as types: (repeat each Column).Type
    ) async throws(PostgresError) -> (repeat each Column)? {
        try await query(sql).first(as: types)
    }

    package func first<Value: PostgresDecodable>(_ sql: SQL, as type: Value.Type) async throws(PostgresError) -> Value? {
        try await query(sql).first(as: type)
    }

    /// Returns the row of a statement that finds exactly one.
    ///
    /// - Throws: ``PostgresError/Reason/unexpectedResult`` for any other number of rows, and the errors of
    ///   `query(_:)`.
    package func one<each Column: PostgresDecodable>(
        _ sql: SQL, as types: (repeat each Column).Type
    ) async throws(PostgresError) -> (repeat each Column) {
        try await query(sql).one(as: types)
    }

    package func one<Value: PostgresDecodable>(_ sql: SQL, as type: Value.Type) async throws(PostgresError) -> Value {
        try await query(sql).one(as: type)
    }
}

extension PostgresPool: PostgresQuerying {}
extension PostgresTransaction: PostgresQuerying {}
