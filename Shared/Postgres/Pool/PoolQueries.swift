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
}
