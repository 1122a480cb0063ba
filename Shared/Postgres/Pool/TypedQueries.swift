/// Where single statements can be run: a pool, its reads, a transaction.
///
/// Answers come as tuples, one type per column: `try await pool.query("SELECT id, title …", as: (ChatID, String?).self)`. Those for a single column give
/// the values themselves, because to the compiler a tuple of one is not quite its element.
package protocol PostgresQuerying {
    func query(_ sql: SQL) async throws(PostgresError) -> PostgresRows
}

extension PostgresQuerying {
    /// Like `query(_:)`, each row as a tuple.
    package func query<each Column: PostgresDecodable>(
        _ sql: SQL, as types: (repeat each Column).Type
    ) async throws(PostgresError) -> [(repeat each Column)] {
        try await query(sql).decode(types)
    }

    package func query<Value: PostgresDecodable>(_ sql: SQL, as type: Value.Type) async throws(PostgresError) -> [Value] {
        try await query(sql).decode(type)
    }

    /// The one row of a statement that may find none.
    ///
    /// - Throws: ``PostgresError/Reason/unexpectedResult`` for more than one row, and whatever `query(_:)` throws.
    package func first<each Column: PostgresDecodable>(
        _ sql: SQL, as types: (repeat each Column).Type
    ) async throws(PostgresError) -> (repeat each Column)? {
        try await query(sql).first(as: types)
    }

    package func first<Value: PostgresDecodable>(_ sql: SQL, as type: Value.Type) async throws(PostgresError) -> Value? {
        try await query(sql).first(as: type)
    }

    /// The one row of a statement that always has one.
    ///
    /// - Throws: ``PostgresError/Reason/unexpectedResult`` for any other number of rows, and whatever `query(_:)` throws.
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
