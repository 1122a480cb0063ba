extension PostgresPool {
    /// Runs one statement on a shared connection, in a transaction of its own.
    ///
    /// Cancellation drops the answer (``PostgresError/Reason/cancelled``). It does not stop the statement,
    /// which the server's `statement_timeout` bounds.
    package func query(_ sql: SQL) async throws(PostgresError) -> PostgresRows { try await performShared([sql])[0] }

    /// Runs one statement like ``query(_:)`` and returns the number of rows inserted, updated or deleted.
    @discardableResult
    package func execute(_ sql: SQL) async throws(PostgresError) -> Int { try await performShared([sql])[0].affectedCount }

    /// Runs the statements as one transaction in one round trip, on a shared connection. No statement can use
    /// rows of another.
    package func atomically(_ statements: [SQL]) async throws(PostgresError) -> [PostgresRows] {
        if statements.isEmpty { return [] }
        return try await performShared(statements)
    }
}

/// Runs statements of a pool that change nothing: `try await pool.reads.query("SELECT …", as: …)`.
///
/// They use the shared connections. After a lost connection they are sent once more, because nothing has
/// happened. A second loss throws ``PostgresError/Reason/connectionLost`` without
/// ``PostgresError/mayHaveHappened``. Do not use it for `INSERT … RETURNING` or a `SELECT` that calls a
/// writing function.
package struct PostgresReads: PostgresQuerying, Sendable {
    let pool: PostgresPool

    package func query(_ sql: SQL) async throws(PostgresError) -> PostgresRows { try await pool.performReadOnly([sql])[0] }

    /// Runs the statements in one round trip, like ``PostgresPool/atomically(_:)``.
    package func atomically(_ statements: [SQL]) async throws(PostgresError) -> [PostgresRows] {
        if statements.isEmpty { return [] }
        return try await pool.performReadOnly(statements)
    }
}

extension PostgresPool {
    package nonisolated var reads: PostgresReads { PostgresReads(pool: self) }
}
