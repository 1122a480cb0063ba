import Contracts
import Postgres

/// The table `outbox` of a service's schema; see `docs/outbox.md`.
struct OutboxStore: Sendable {
    let pool: PostgresPool

    /// Takes rows that nobody has published for a while, so that no other sweeper takes them during the next ten seconds.
    ///
    /// Whoever commits a row has two seconds to publish it. Never "all after position n": a row may become visible long after one with a higher position.
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

    /// Removes published rows. Losing this in a crash publishes them once more, so it does not wait for the disk.
    func remove(_ ids: [EventID]) async throws(PostgresError) {
        try await pool.execute(
            """
            DELETE FROM outbox USING (SELECT set_config('synchronous_commit', 'off', true)) AS setting
            WHERE id = ANY(\(ids))
            """)
    }

    /// How many facts wait, up to 100,000: more than that is too many anyhow, and counting them is not free.
    func count() async throws(PostgresError) -> Int {
        try await pool.reads.one("SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT 100000) AS waiting", as: Int.self)
    }
}
