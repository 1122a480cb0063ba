import Bus
import Contracts
import Postgres

/// Stores accounts and their password hashes.
struct AccountStore: Sendable {
    struct Credentials: Sendable {
        let userID: UserID
        let hash: PasswordHash
        /// Identifies the password. The hash does not: the same password may be hashed again.
        let changedAt: Timestamp
    }

    struct NewAccount: Sendable {
        let user: User
        let hash: PasswordHash
        let searchText: String
    }

    /// The stored answer to a registration with an idempotency key.
    struct EarlierRegistration: Sendable {
        let user: User
        let hash: PasswordHash
    }

    enum RegistrationOutcome: Equatable {
        case registered
        case usernameTaken
        /// Another registration has used the key.
        case keyUsed
    }

    /// The time during which a repeated key gets the first answer.
    static let keyLifetime = Duration.seconds(86_400)

    let database: PostgresPool
    let outbox: Outbox

    func credentials(of username: Username) async throws -> Credentials? {
        try await credentials("SELECT id, password_hash, password_changed_at FROM accounts WHERE username = \(username.text)")
    }

    func credentials(of user: UserID) async throws -> Credentials? {
        try await credentials("SELECT id, password_hash, password_changed_at FROM accounts WHERE id = \(user)")
    }

    private func credentials(_ sql: SQL) async throws -> Credentials? {
        try await database.reads.first(sql, as: (UserID, PasswordHash, Timestamp).self)
            .map { Credentials(userID: $0.0, hash: $0.1, changedAt: $0.2) }
    }

    /// Reads, in one snapshot, the registration under `key` and whether the username is taken.
    func beforeRegistering(
        _ username: Username, key: IdempotencyKey?, now: Timestamp
    ) async throws -> (earlier: EarlierRegistration?, isTaken: Bool) {
        let row = try await database.reads.query(
            """
            SELECT r.user_id, r.username, r.display_name, r.password_hash, r.created_at,
                EXISTS (SELECT FROM accounts WHERE username = \(username.text))
            FROM (SELECT) AS one
            LEFT JOIN registrations r ON r.key = \(key?.text as String?) AND r.created_at > \(now - Self.keyLifetime)
            """
        ).one(as: (UserID?, String?, String?, PasswordHash?, Timestamp?, Bool).self)
        guard let id = row.0, let name = row.1, let displayName = row.2, let hash = row.3, let at = row.4 else {
            return (nil, row.5)
        }
        let user = User(id: id, username: name, displayName: displayName, createdAt: at)
        return (EarlierRegistration(user: user, hash: hash), row.5)
    }

    /// Stores the account, its profile and its event in one transaction.
    func register(_ account: NewAccount, key: IdempotencyKey?) async throws -> RegistrationOutcome {
        let event = try OutboxEvent(UserRegistered(user: account.user))
        let outcome = try await database.transaction { transaction in
            // The key comes first: a concurrent repeat waits here for the first request, and then finds its
            // key used.
            let first = try await transaction.run([claim(key, account), insert(account)])
            if key != nil, first[0].isEmpty { throw Refused(outcome: .keyUsed) }
            if first[1].isEmpty { throw Refused(outcome: .usernameTaken) }
            try await transaction.commit([insertProfile(account), event.insert])
            return RegistrationOutcome.registered
        } orElse: { (refused: Refused) in
            refused.outcome
        }
        if outcome == .registered { outbox.committed([event]) }
        return outcome
    }

    /// Rolls the transaction back.
    private struct Refused: Error { let outcome: RegistrationOutcome }

    /// Claims the key, also an expired one. Returns no row when the key is in use; does nothing without a
    /// key.
    private func claim(_ key: IdempotencyKey?, _ account: NewAccount) -> SQL {
        let user = account.user
        return """
            INSERT INTO registrations AS earlier (key, user_id, username, display_name, password_hash, created_at)
            SELECT \(key?.text as String?), \(user.id), \(user.username), \(user.displayName), \(account.hash), \(user.createdAt)
            WHERE \(key?.text as String?) IS NOT NULL
            ON CONFLICT (key) DO UPDATE SET user_id = excluded.user_id, username = excluded.username,
                display_name = excluded.display_name, password_hash = excluded.password_hash, created_at = excluded.created_at
            WHERE earlier.created_at <= \(user.createdAt - Self.keyLifetime)
            RETURNING key
            """
    }

    private func insert(_ account: NewAccount) -> SQL {
        """
        INSERT INTO accounts (id, username, password_hash, created_at, password_changed_at)
        VALUES (\(account.user.id), \(account.user.username), \(account.hash), \(account.user.createdAt), \(account.user.createdAt))
        ON CONFLICT (username) DO NOTHING RETURNING id
        """
    }

    private func insertProfile(_ account: NewAccount) -> SQL {
        """
        INSERT INTO profiles (user_id, username, display_name, search_text, version, created_at)
        VALUES (\(account.user.id), \(account.user.username), \(account.user.displayName), \(account.searchText), 1,
            \(account.user.createdAt))
        """
    }
}

extension AccountStore {
    /// Sets a new password and revokes the other sessions, unless the password has changed since `checked`
    /// was read.
    ///
    /// - Returns: false if it has changed; then nothing is stored.
    func changePassword(of checked: Credentials, to hash: PasswordHash, keeping session: SessionID, now: Timestamp) async throws
        -> Bool
    {
        let (user, changed) = (checked.userID, try OutboxEvent(PasswordChanged(userID: checked.userID, changedAt: now)))
        let events = try await database.transaction { transaction -> [OutboxEvent] in
            let rows = try await transaction.run([
                """
                UPDATE accounts SET password_hash = \(hash),
                    password_changed_at = greatest(\(now), password_changed_at + interval '1 millisecond')
                WHERE id = \(user) AND password_changed_at = \(checked.changedAt) RETURNING id
                """,
                """
                UPDATE sessions SET revoked_at = \(now)
                WHERE user_id = \(user) AND id <> \(session) AND revoked_at IS NULL AND expires_at > \(now) RETURNING id
                """,
            ])
            if rows[0].isEmpty { throw PasswordChangedSince() }
            let events = try [changed] + SessionStore.revoked(rows[1].decode(SessionID.self), of: user, at: now)
            try await transaction.commit(events.map(\.insert))
            return events
        } orElse: { (_: PasswordChangedSince) in
            []
        }
        outbox.committed(events)
        return !events.isEmpty
    }

    private struct PasswordChangedSince: Error {}

    /// - Returns: false if there is no such account.
    func makeAdmin(_ username: Username) async throws -> Bool {
        try await database.execute(
            """
            UPDATE accounts SET roles = CASE WHEN \(Role.admin) = ANY(roles) THEN roles ELSE roles || \(Role.admin) END
            WHERE username = \(username.text)
            """) == 1
    }

    /// Takes the role `admin` away and revokes the account's sessions, whose access tokens carry the role. An
    /// account without the role keeps its sessions.
    ///
    /// - Returns: false if there is no such account.
    func removeAdmin(_ username: Username, now: Timestamp) async throws -> Bool {
        var events: [OutboxEvent] = []
        let isFound = try await database.transaction { transaction -> Bool in
            // The lock comes first: a concurrent log-in waits for it, and then finds the role gone.
            let found = try await transaction.query(
                "SELECT id, \(Role.admin) = ANY(roles) FROM accounts WHERE username = \(username.text) FOR UPDATE"
            ).first(as: (UserID, Bool).self)
            guard let (user, isAdmin) = found else { return false }
            guard isAdmin else { return true }
            let rows = try await transaction.run([
                "UPDATE accounts SET roles = array_remove(roles, \(Role.admin)) WHERE id = \(user)",
                """
                UPDATE sessions SET revoked_at = \(now)
                WHERE user_id = \(user) AND revoked_at IS NULL AND expires_at > \(now) RETURNING id
                """,
            ])
            events = try SessionStore.revoked(rows[1].decode(SessionID.self), of: user, at: now)
            try await transaction.commit(events.map(\.insert))
            return true
        }
        outbox.committed(events)
        return isFound
    }

    /// Deletes expired idempotency keys, 1,000 at a time.
    func sweep(now: Timestamp) async throws {
        let keys: SQL = """
            DELETE FROM registrations WHERE key IN
                (SELECT key FROM registrations WHERE created_at <= \(now - Self.keyLifetime) LIMIT 1000 FOR UPDATE SKIP LOCKED)
            """
        while try await database.execute(keys) == 1_000 {}
    }
}

extension PostgresPool {
    /// Runs a transaction. An error of the type `Failure` rolls it back and becomes its result.
    nonisolated func transaction<Answer, Failure: Error>(
        _ body: (PostgresTransaction) async throws -> Answer, orElse: (Failure) throws -> Answer
    ) async throws -> Answer {
        do {
            return try await transaction(body)
        } catch let failure as Failure {
            return try orElse(failure)
        }
    }
}

extension PasswordHash: PostgresValue {}
extension Role: PostgresValue {}
