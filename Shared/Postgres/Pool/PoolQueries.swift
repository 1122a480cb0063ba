extension PostgresPool {
    /// Runs one statement on a shared connection; it commits by itself.
    ///
    /// Cancelling the task abandons the answer (``PostgresError/Reason/cancelled``), not the work, which the server's `statement_timeout` bounds.
    package func query(_ sql: SQL) async throws(PostgresError) -> PostgresRows { try await performShared([sql])[0] }

    /// Like ``query(_:)``; rows inserted, updated or deleted.
    @discardableResult
    package func execute(_ sql: SQL) async throws(PostgresError) -> Int { try await performShared([sql])[0].affectedCount }

    /// Runs the statements as one transaction in one round trip, on a shared connection: all or none. For statements that need nothing of each other's rows.
    package func atomically(_ statements: [SQL]) async throws(PostgresError) -> [PostgresRows] {
        if statements.isEmpty { return [] }
        return try await performShared(statements)
    }
}

/// Statements of a pool that change nothing: `try await pool.reads.query("SELECT …", as: …)`.
///
/// They travel like all others on the shared connections. When the connection goes before the answer has come, nothing has happened, so they are
/// sent once more; a second loss throws ``PostgresError/Reason/connectionLost`` without ``PostgresError/mayHaveHappened``.
/// Not for a `SELECT` that calls a function that writes, nor for `INSERT … RETURNING`.
package struct PostgresReads: PostgresQuerying, Sendable {
    let pool: PostgresPool

    package func query(_ sql: SQL) async throws(PostgresError) -> PostgresRows { try await pool.performReadOnly([sql])[0] }

    /// Like ``PostgresPool/atomically(_:)``: one round trip.
    package func atomically(_ statements: [SQL]) async throws(PostgresError) -> [PostgresRows] {
        if statements.isEmpty { return [] }
        return try await pool.performReadOnly(statements)
    }
}

extension PostgresPool {
    package nonisolated var reads: PostgresReads { PostgresReads(pool: self) }
}
