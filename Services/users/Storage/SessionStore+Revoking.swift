import Bus
import Contracts
import Postgres

extension SessionStore {
    /// Returns live sessions, newest first, and one more than `limit` when a page follows.
    func list(
        of user: UserID, after: PageCursor?, limit: PageLimit, asking current: SessionID, now: Timestamp
    ) async throws -> [Session] {
        let after = after ?? .newest
        return try await database.reads.query(
            """
            SELECT id, device, created_at, last_seen_at FROM sessions
            WHERE user_id = \(user) AND revoked_at IS NULL AND expires_at > \(now) AND (created_at, id) < (\(after.time), \(after.id))
            ORDER BY created_at DESC, id DESC LIMIT \(limit.count + 1)
            """, as: (SessionID, String, Timestamp, Timestamp).self
        ).map { Session(id: $0.0, device: $0.1, createdAt: $0.2, lastSeenAt: $0.3, current: $0.0 == current) }
    }

    /// Revokes a session; one that has ended already stays as it is.
    ///
    /// - Returns: false if the user has no such session.
    func revoke(_ session: SessionID, of user: UserID, now: Timestamp) async throws -> Bool {
        var events: [OutboxEvent] = []
        let isFound = try await database.transaction { transaction -> Bool in
            let found = try await transaction.query(
                "SELECT expires_at, revoked_at FROM sessions WHERE id = \(session) AND user_id = \(user) FOR UPDATE"
            ).first(as: (Timestamp, Timestamp?).self)
            guard let (expiresAt, revokedAt) = found else { return false }
            guard SessionState(expiresAt: expiresAt, revokedAt: revokedAt).isLive(at: now) else { return true }
            events = try Self.revoked([session], of: user, at: now)
            transaction.enqueue("UPDATE sessions SET revoked_at = \(now) WHERE id = \(session)")
            for event in events { transaction.enqueue(event.insert) }
            return true
        }
        outbox.committed(events)
        return isFound
    }

    /// Returns sessions revoked at `since` or later, oldest first, and one more than ``mostInOneAnswer`` when
    /// more follow.
    func revocations(since: Timestamp, after: PageCursor?) async throws -> [(id: SessionID, revokedAt: Timestamp)] {
        let after = after ?? PageCursor(time: since, id: 0)
        return try await database.reads.query(
            """
            SELECT id, revoked_at FROM sessions WHERE revoked_at IS NOT NULL
                AND revoked_at >= \(since) AND (revoked_at, id) > (\(after.time), \(after.id))
            ORDER BY revoked_at, id LIMIT \(Self.mostInOneAnswer + 1)
            """, as: (SessionID, Timestamp).self
        ).map { ($0.0, $0.1) }
    }

    /// Deletes sessions that ended more than a day ago, 1,000 at a time. No edge asks for older revocations.
    func sweep(now: Timestamp) async throws {
        let longAgo = now - .seconds(86_400)
        let revoked: SQL = """
            DELETE FROM sessions WHERE id IN
                (SELECT id FROM sessions WHERE revoked_at < \(longAgo) LIMIT 1000 FOR UPDATE SKIP LOCKED)
            """
        let expired: SQL = """
            DELETE FROM sessions WHERE id IN
                (SELECT id FROM sessions WHERE expires_at < \(longAgo) LIMIT 1000 FOR UPDATE SKIP LOCKED)
            """
        for sessions in [revoked, expired] { while try await database.execute(sessions) == 1_000 {} }
    }
}

extension SessionStore {
    private static let mostExpiredAtOnce = 256

    /// Revokes expired sessions and announces it: a live connection lasts no longer than its session.
    ///
    /// - Returns: the number of revoked sessions, at most 256; more may have expired.
    func endExpired(now: Timestamp) async throws -> Int {
        var (events, count) = ([OutboxEvent](), 0)
        try await database.transaction { transaction in
            (events, count) = ([], 0)
            let rows = try await transaction.query(
                """
                SELECT id, user_id FROM sessions WHERE revoked_at IS NULL AND expires_at <= \(now)
                ORDER BY expires_at LIMIT \(Self.mostExpiredAtOnce) FOR UPDATE SKIP LOCKED
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
