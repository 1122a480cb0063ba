import Bus
import Contracts
import Postgres

/// Stores the public profiles of accounts.
struct ProfileStore: Sendable {
    struct Change: Sendable {
        var displayName: DisplayName?
        var avatarURL: AvatarURL?
    }

    enum Outcome: Sendable {
        case updated(Account)
        /// The current version is another one.
        case stale(current: Account)
        case notFound
    }

    let database: PostgresPool
    let outbox: Outbox
    /// The longest time that the database works on one search: a common part of a name finds too many users
    /// to rank.
    var searchTime: @Sendable () -> Duration = { .seconds(1) }

    /// Returns the accounts that exist.
    func accounts(_ ids: [UserID]) async throws -> [UserID: Account] {
        let rows = try await database.reads.query(
            "SELECT user_id, username, display_name, avatar_url, created_at, version FROM profiles WHERE user_id = ANY(\(ids))",
            as: (UserID, String, String, String?, Timestamp, Int64).self)
        return Dictionary(uniqueKeysWithValues: rows.map { ($0.0, Self.account($0)) })
    }

    /// Applies `change` if `version` is the current one. A change to the same values creates no new version.
    func update(_ user: UserID, ifVersion version: Int64, _ change: Change) async throws -> Outcome {
        var events: [OutboxEvent] = []
        let outcome = try await database.transaction { transaction -> Outcome in
            let found = try await transaction.query(
                """
                SELECT user_id, username, display_name, avatar_url, created_at, version FROM profiles WHERE user_id = \(user) FOR UPDATE
                """
            ).first(as: (UserID, String, String, String?, Timestamp, Int64).self)
            guard let before = found.map(Self.account) else { return .notFound }
            guard before.version == version else { return .stale(current: before) }
            let after = Self.apply(change, to: before)
            if after == before { return .updated(before) }
            events = [try OutboxEvent(UserUpdated(user: after.user, version: after.version))]
            transaction.enqueue(Self.update(after))
            for event in events { transaction.enqueue(event.insert) }
            return .updated(after)
        }
        outbox.committed(events)
        return outcome
    }

    private static func apply(_ change: Change, to before: Account) -> Account {
        var after = before
        if let displayName = change.displayName { after.user.displayName = displayName.text }
        if let avatarURL = change.avatarURL { after.user.avatarURL = avatarURL.text }
        if after != before { after.version += 1 }
        return after
    }

    private static func update(_ account: Account) -> SQL {
        let user = account.user
        let searchText = SearchText.of(username: user.username, displayName: user.displayName)
        return """
            UPDATE profiles SET display_name = \(user.displayName), avatar_url = \(user.avatarURL as String?), search_text = \(searchText),
                version = \(account.version) WHERE user_id = \(user.id)
            """
    }

    private static func account(_ row: (UserID, String, String, String?, Timestamp, Int64)) -> Account {
        Account(
            user: User(id: row.0, username: row.1, displayName: row.2, avatarURL: row.3, createdAt: row.4), version: row.5)
    }

    /// Returns users in the order of ``SearchCursor``, and one more than `limit` when a page follows.
    ///
    /// Runs on a connection of its own: on a shared one, other statements would wait behind it.
    func search(_ query: SearchQuery, after: SearchCursor?, limit: PageLimit) async throws -> [User] {
        let found = try await database.transaction(deadline: .now + searchTime()) {
            try await $0.commit([Self.search(query, after: after, limit: limit)])
        }
        return try found[0].decode((UserID, String, String, String?, Timestamp).self).map {
            User(id: $0.0, username: $0.1, displayName: $0.2, avatarURL: $0.3, createdAt: $0.4)
        }
    }

    static func search(_ query: SearchQuery, after: SearchCursor?, limit: PageLimit) -> SQL {
        let (rank, username) = (after?.rank.rawValue ?? -1, after?.username ?? "")
        return """
            SELECT user_id, username, display_name, avatar_url, created_at
            FROM (
                SELECT *, CASE WHEN starts_with(username, \(query.text)) THEN 0::bigint ELSE 1 END AS rank
                FROM profiles WHERE search_text LIKE \(query.pattern) ESCAPE '\\'
            ) AS found
            WHERE (rank, username) > (\(rank), \(username)) ORDER BY rank, username LIMIT \(limit.count + 1)
            """
    }
}
