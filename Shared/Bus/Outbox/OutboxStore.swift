import Contracts
import Postgres

/// The table `outbox` of a service's schema; see `docs/outbox.md`.
struct OutboxStore: Sendable {
    let pool: PostgresPool

    /// Claims unpublished rows for ten seconds, during which no other sweeper claims them.
    ///
    /// The committing process has two seconds to publish a row before it can be claimed. Rows are never
    /// selected as "all after position n", since a row may become visible long after one with a higher
    /// position.
    func claim(atMost limit: Int) async throws(PostgresError) -> [OutboxEvent] {
        let rows = try await pool.query(
            """
            UPDATE outbox SET claimed_at = clock_timestamp() + interval '8 seconds'
            WHERE id IN (
                SELECT id FROM outbox WHERE claimed_at < clock_timestamp() - interval '2 seconds'
                ORDER BY claimed_at LIMIT \(limit) FOR UPDATE SKIP LOCKED)
            RETURNING id, type, subject, time, trace, data
            """, as: (EventID, EventType, String?, Timestamp, String?, [UInt8]).self)
        return rows.map { OutboxEvent(id: $0.0, type: $0.1, subject: $0.2, time: $0.3, trace: $0.4, data: $0.5) }
    }

    /// Removes published rows. It does not wait for the disk: after a crash the rows are published once more.
    func remove(_ ids: [EventID]) async throws(PostgresError) {
        try await pool.execute(
            """
            DELETE FROM outbox USING (SELECT set_config('synchronous_commit', 'off', true)) AS setting
            WHERE id = ANY(\(ids))
            """)
    }

    /// Returns the number of waiting events, at most 100,000, since counting costs time.
    func count() async throws(PostgresError) -> Int {
        try await pool.reads.one("SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT 100000) AS waiting", as: Int.self)
    }
}
