extension PostgresPool {
    /// Runs one statement on a shared connection; it commits by itself.
    ///
    /// Cancelling the task abandons the answer (``PostgresError/Reason/cancelled``), not the work, which the server's `statement_timeout` bounds.
    package func query(_ sql: SQL) async throws(PostgresError) -> PostgresRows { try await fly([sql])[0] }

    /// Like ``query(_:)``; rows inserted, updated or deleted.
    @discardableResult
    package func execute(_ sql: SQL) async throws(PostgresError) -> Int { try await fly([sql])[0].affectedCount }

    /// Runs the statements as one transaction in one round trip, on a shared connection: all or none. For statements that need nothing of each other's rows.
    package func atomically(_ statements: [SQL]) async throws(PostgresError) -> [PostgresRows] {
        if statements.isEmpty { return [] }
        return try await fly(statements)
    }

    /// Like ``query(_:)``, each row as a tuple: `try await pool.query("SELECT id, title …", as: (ChatID, String?).self)`.
    package nonisolated func query<each Column: PostgresDecodable>(
        _ sql: SQL, as types: (repeat each Column).Type
    ) async throws(PostgresError) -> [(repeat each Column)] {
        try await query(sql).decode(types)
    }

    /// The one row of a statement that may find none.
    ///
    /// - Throws: ``PostgresError/Reason/unexpectedResult`` for more than one row, and whatever ``query(_:)`` throws.
    package nonisolated func first<each Column: PostgresDecodable>(
        _ sql: SQL, as types: (repeat each Column).Type
    ) async throws(PostgresError) -> (repeat each Column)? {
        try await query(sql).first(as: types)
    }

    /// The one row of a statement that always has one.
    ///
    /// - Throws: ``PostgresError/Reason/unexpectedResult`` for any other number of rows, and whatever ``query(_:)`` throws.
    package nonisolated func one<each Column: PostgresDecodable>(
        _ sql: SQL, as types: (repeat each Column).Type
    ) async throws(PostgresError) -> (repeat each Column) {
        try await query(sql).one(as: types)
    }
}

extension PostgresRows {
    /// The only row, or `nil` when there is none.
    package func first<each Column: PostgresDecodable>(
        as types: (repeat each Column).Type
    ) throws(PostgresError) -> (repeat each Column)? {
        guard count <= 1 else { throw PostgresError(.unexpectedResult, "\(count) rows where one at most is wanted") }
        return isEmpty ? nil : try self[0].decode(types)
    }

    /// The only row.
    package func one<each Column: PostgresDecodable>(
        as types: (repeat each Column).Type
    ) throws(PostgresError) -> (repeat each Column) {
        guard count == 1 else { throw PostgresError(.unexpectedResult, "\(count) rows where one is wanted") }
        return try self[0].decode(types)
    }
}
