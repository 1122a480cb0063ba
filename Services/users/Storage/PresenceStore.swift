import Bus
import Contracts
import Postgres

/// Stores when users were last seen, and reads whose presence a user sees.
struct PresenceStore: Sendable {
    static let mostContacts = 5_000

    let database: PostgresPool

    /// Returns the connected contacts of `user`, longest connected first, without those where one has blocked
    /// the other; at most ``mostContacts``.
    func contacts(of user: UserID) async throws -> [PresenceContact] {
        try await database.reads.query(
            """
            SELECT c.other, s.at FROM (
                SELECT high_user AS other, since FROM connections WHERE low_user = \(user) AND bond = 'connected'
                UNION ALL
                SELECT low_user, since FROM connections WHERE high_user = \(user) AND bond = 'connected'
            ) AS c LEFT JOIN last_seen s ON s.user_id = c.other
            WHERE NOT EXISTS (SELECT FROM blocks WHERE user_id = \(user) AND other_id = c.other)
                AND NOT EXISTS (SELECT FROM blocks WHERE user_id = c.other AND other_id = \(user))
            ORDER BY c.since, c.other LIMIT \(Self.mostContacts)
            """, as: (UserID, Timestamp?).self
        ).map { PresenceContact(userID: $0.0, lastSeenAt: $0.1) }
    }

    /// Moves last-seen times of users and sessions forward, never beyond `now`. Ignores unknown users.
    ///
    /// One statement. It locks rows in one order, so that two of these cannot deadlock.
    func recordLastSeen(_ seen: [RecordLastSeen.Seen], now: Timestamp) async throws {
        try await database.execute(
            """
            WITH seen AS MATERIALIZED (
                SELECT user_id, session_id, least(at, \(now)) AS at
                FROM unnest(\(seen.map(\.userID)), \(seen.map(\.sessionID)), \(seen.map(\.at))) AS k (user_id, session_id, at)
            ), devices AS MATERIALIZED (
                SELECT s.id FROM sessions s WHERE s.id IN (SELECT session_id FROM seen) ORDER BY s.id FOR NO KEY UPDATE
            ), recorded AS (
                UPDATE sessions s SET last_seen_at = k.at
                FROM devices d, (SELECT user_id, session_id, max(at) AS at FROM seen GROUP BY user_id, session_id) k
                WHERE s.id = d.id AND k.session_id = s.id AND k.user_id = s.user_id AND s.last_seen_at < k.at
            )
            INSERT INTO last_seen (user_id, at)
            SELECT k.user_id, max(k.at) FROM seen k JOIN accounts a ON a.id = k.user_id GROUP BY k.user_id ORDER BY k.user_id
            ON CONFLICT (user_id) DO UPDATE SET at = excluded.at WHERE last_seen.at < excluded.at
            """)
    }
}
