import Bus
import Contracts
import Postgres

/// Stores sessions and the hashes of their refresh tokens.
struct SessionStore: Sendable {
    struct NewSession: Sendable {
        let id: SessionID
        let userID: UserID
        let device: DeviceName
        let stampKey: [UInt8]
        let refreshHash: [UInt8]
        let createdAt: Timestamp
        let expiresAt: Timestamp
    }

    /// The user that a token is issued to.
    struct Holder: Equatable, Sendable {
        let userID: UserID
        let username: String
        let roles: [Role]
    }

    enum Renewal: Sendable {
        case renewed(Holder, next: RefreshToken)
        /// The token was used before; its session is revoked now.
        case replayed(UserID)
        case refused
    }

    /// The number of ids in one ``SessionsRevoked``, and in one answer of ``revocations(since:after:)``.
    static let mostInOneEvent = 1_000
    static let mostInOneAnswer = 10_000
    /// The number of live sessions of one user.
    static let mostLiving = 100

    let database: PostgresPool
    let outbox: Outbox
    let lifetimes: @Sendable () -> TokenLifetimes

    /// Stores a new session unless the password has changed since
    /// `checked` was read, and revokes the user's sessions beyond ``mostLiving``.
    ///
    /// - Parameter rehashed: the hash of the same password at the current cost, to be stored too.
    /// - Returns: `nil` if the password has changed; then nothing is stored.
    func start(_ session: NewSession, checked: AccountStore.Credentials, rehashed: PasswordHash?) async throws -> Holder? {
        let started = try OutboxEvent(
            SessionStarted(
                userID: session.userID, sessionID: session.id, device: session.device.text, startedAt: session.createdAt))
        var events = [started]
        let holder = try await database.transaction { transaction -> Holder? in
            if let rehashed { transaction.enqueue(Self.store(rehashed, for: checked)) }
            let rows = try await transaction.run([insert(session, checked), revokeSurplus(besides: session)])
            guard let (username, roles) = try rows[0].first(as: (String, [Role]).self) else { throw PasswordChangedSince() }
            let ended = try rows[1].decode(SessionID.self)
            events += try Self.revoked(ended, of: session.userID, at: session.createdAt)
            try await transaction.commit(events.map(\.insert))
            return Holder(userID: session.userID, username: username, roles: roles)
        } orElse: { (_: PasswordChangedSince) in
            nil
        }
        if holder != nil { outbox.committed(events) }
        return holder
    }

    private struct PasswordChangedSince: Error {}

    private static func store(_ rehashed: PasswordHash, for checked: AccountStore.Credentials) -> SQL {
        """
        UPDATE accounts SET password_hash = \(rehashed)
        WHERE id = \(checked.userID) AND password_changed_at = \(checked.changedAt)
        """
    }

    /// Revokes the sessions beyond ``mostLiving``, longest unused first; skips those that a concurrent log-in
    /// is revoking.
    private func revokeSurplus(besides session: NewSession) -> SQL {
        """
        UPDATE sessions SET revoked_at = \(session.createdAt) WHERE id IN (
            SELECT id FROM sessions WHERE revoked_at IS NULL AND id IN (
                SELECT id FROM sessions
                WHERE user_id = \(session.userID) AND revoked_at IS NULL AND expires_at > \(session.createdAt)
                ORDER BY id = \(session.id) DESC, last_seen_at DESC, id DESC OFFSET \(Self.mostLiving)
            ) FOR UPDATE SKIP LOCKED
        ) RETURNING id
        """
    }

    /// The lock of the account's row keeps a change of the password from committing before this transaction.
    private func insert(_ session: NewSession, _ checked: AccountStore.Credentials) -> SQL {
        """
        WITH holder AS MATERIALIZED (
            SELECT id, username, roles FROM accounts
            WHERE id = \(checked.userID) AND password_changed_at = \(checked.changedAt) FOR SHARE
        ), started AS (
            INSERT INTO sessions (id, user_id, device, stamp_key, refresh_hash, created_at, last_seen_at, expires_at)
            SELECT \(session.id), id, \(session.device.text), \(session.stampKey), \(session.refreshHash), \(session.createdAt),
                \(session.createdAt), \(session.expiresAt) FROM holder
        )
        SELECT username, roles FROM holder
        """
    }

    /// Exchanges a refresh token for the next one, or revokes its session when the token was used before;
    /// under the lock of the session's row.
    func renew(_ token: RefreshToken, now: Timestamp) async throws -> Renewal {
        var events: [OutboxEvent] = []
        let renewal = try await database.transaction { transaction -> Renewal in
            guard let row = try await find(token.sessionID, in: transaction) else { return .refused }
            let kind = token.kind(currentHash: row.refreshHash, stampKey: row.stampKey)
            switch row.state.verdict(on: kind, lifetimes: lifetimes(), at: now) {
            case .refused: return .refused
            case .renew(let expiresAt):
                let next = RefreshToken(for: token.sessionID, stampKey: row.stampKey)
                transaction.enqueue(
                    """
                    UPDATE sessions SET refresh_hash = \(next.hash), last_seen_at = \(now), expires_at = \(expiresAt)
                    WHERE id = \(token.sessionID)
                    """)
                return .renewed(row.holder, next: next)
            case .replayed:
                events = try Self.revoked([token.sessionID], of: row.holder.userID, at: now)
                transaction.enqueue("UPDATE sessions SET revoked_at = \(now) WHERE id = \(token.sessionID)")
                for event in events { transaction.enqueue(event.insert) }
                return .replayed(row.holder.userID)
            }
        }
        outbox.committed(events)
        return renewal
    }

    private struct Found {
        let state: SessionState
        let stampKey: [UInt8]
        let refreshHash: [UInt8]
        let holder: Holder
    }

    private func find(_ id: SessionID, in transaction: PostgresTransaction) async throws -> Found? {
        try await transaction.query(
            """
            SELECT s.expires_at, s.revoked_at, s.stamp_key, s.refresh_hash, a.id, a.username, a.roles
            FROM sessions s JOIN accounts a ON a.id = s.user_id WHERE s.id = \(id) FOR UPDATE OF s
            """
        ).first(as: (Timestamp, Timestamp?, [UInt8], [UInt8], UserID, String, [Role]).self).map { row in
            Found(
                state: SessionState(expiresAt: row.0, revokedAt: row.1), stampKey: row.2, refreshHash: row.3,
                holder: Holder(userID: row.4, username: row.5, roles: row.6))
        }
    }

    /// Returns the events that announce revoked sessions, one for each ``mostInOneEvent``.
    static func revoked(_ sessions: [SessionID], of user: UserID, at now: Timestamp) throws -> [OutboxEvent] {
        try stride(from: 0, to: sessions.count, by: mostInOneEvent).map { start in
            let part = Array(sessions[start..<min(start + mostInOneEvent, sessions.count)])
            return try OutboxEvent(SessionsRevoked(userID: user, sessionIDs: part, revokedAt: now))
        }
    }
}
