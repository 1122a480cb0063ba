import Bus
import Contracts
import Postgres

extension SessionStore {
    /// Sessions that are ended at once when they have served their time; the others a moment later.
    private static let mostAtOnce = 256

    /// Ends the sessions that nobody has refreshed in time, and has everybody told: a live connection lasts no longer than its session.
    ///
    /// - Returns: how many; as many as fit, there may be more.
    func endExpired(now: Timestamp) async throws -> Int {
        var (events, count) = ([OutboxEvent](), 0)
        try await database.transaction { transaction in
            (events, count) = ([], 0)
            let rows = try await transaction.query(
                """
                SELECT id, user_id FROM sessions WHERE revoked_at IS NULL AND expires_at <= \(now)
                ORDER BY expires_at LIMIT \(Self.mostAtOnce) FOR UPDATE SKIP LOCKED
                """)
            let expired = try rows.decode((SessionID, UserID).self)
            if expired.isEmpty { return }
            for (user, sessions) in Dictionary(grouping: expired, by: \.1) {
                events += try Self.revoked(sessions.map(\.0), of: user, at: now)
            }
            count = expired.count
            transaction.enqueue("UPDATE sessions SET revoked_at = \(now) WHERE id = ANY(\(expired.map(\.0)))")
            for event in events { transaction.enqueue(event.insert) }
        }
        outbox.committed(events)
        return count
    }
}
