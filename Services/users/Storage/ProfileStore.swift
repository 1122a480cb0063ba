import Bus
import Contracts
import Postgres

/// What others see of an account.
struct ProfileStore: Sendable {
    struct Change: Sendable {
        var displayName: DisplayName?
        var avatarURL: AvatarURL?
    }

    enum Updated: Sendable {
        case done(Account)
        /// Another version is the present one: this.
        case stale(present: Account)
        case notFound
    }

    let database: PostgresPool
    let outbox: Outbox
    /// How long the server works on one search: a part of a name that everybody has in common finds too many to rank.
    var searchTime: @Sendable () -> Duration = { .seconds(1) }

    /// Those of `ids` that exist.
    func accounts(_ ids: [UserID]) async throws -> [UserID: Account] {
        let rows = try await database.reads.query(
            "SELECT user_id, username, display_name, avatar_url, created_at, version FROM profiles WHERE user_id = ANY(\(ids))",
            as: (UserID, String, String, String?, Timestamp, Int64).self)
        return Dictionary(uniqueKeysWithValues: rows.map { ($0.0, Self.account($0)) })
    }

    /// Changes what is given, if `version` is the present one. A change that changes nothing takes no new version.
    func update(_ user: UserID, ifVersion version: Int64, _ change: Change) async throws -> Updated {
        var events: [OutboxEvent] = []
        let updated = try await database.transaction { transaction -> Updated in
            let found = try await transaction.query(
                """
                SELECT user_id, username, display_name, avatar_url, created_at, version FROM profiles WHERE user_id = \(user) FOR UPDATE
                """
            ).first(as: (UserID, String, String, String?, Timestamp, Int64).self)
            guard let before = found.map(Self.account) else { return .notFound }
            guard before.version == version else { return .stale(present: before) }
            let after = Self.apply(change, to: before)
            if after == before { return .done(before) }
            events = [try OutboxEvent(UserUpdated(user: after.user, version: after.version))]
            transaction.enqueue(Self.update(after))
            for event in events { transaction.enqueue(event.insert) }
            return .done(after)
        }
        outbox.committed(events)
        return updated
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

    /// In the order of ``SearchCursor``, one more than `limit` if there are. On a connection of its own: on a shared one everybody else would stand behind it.
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
