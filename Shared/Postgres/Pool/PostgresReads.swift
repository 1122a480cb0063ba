/// Statements of a pool that change nothing: `try await pool.reads.query("SELECT …", as: …)`.
///
/// They travel like all others on the shared connections. When the connection goes before the answer has come, nothing has happened, so they are
/// sent once more; a second loss throws ``PostgresError/Reason/connectionLost`` without ``PostgresError/mayHaveHappened``.
/// Not for a `SELECT` that calls a function that writes, nor for `INSERT … RETURNING`.
package struct PostgresReads: PostgresQuerying, Sendable {
    let pool: PostgresPool

    package func query(_ sql: SQL) async throws(PostgresError) -> PostgresRows { try await pool.flyReading([sql])[0] }

    /// Like ``PostgresPool/atomically(_:)``: one round trip.
    package func atomically(_ statements: [SQL]) async throws(PostgresError) -> [PostgresRows] {
        if statements.isEmpty { return [] }
        return try await pool.flyReading(statements)
    }
}

extension PostgresPool {
    package nonisolated var reads: PostgresReads { PostgresReads(pool: self) }
}
