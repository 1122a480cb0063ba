import Bus
import Contracts
import Postgres

/// Reads the members of chats who receive a delivery.
struct AudienceStore: Sendable {
    let database: PostgresPool

    /// Returns the present members of existing chats.
    ///
    /// - Parameter chats: each with a limit; a chat with more members is missing from the result.
    func audiences(of chats: [ChatID: Int]) async throws -> [ChatID: (kind: ChatKind, audience: Audience)] {
        let rows = try await database.reads.query(
            """
            SELECT c.id, c.kind, m.users, m.joined
            FROM unnest(\(Array(chats.keys)), \(Array(chats.values))) AS k (id, most)
            JOIN chats c ON c.id = k.id AND c.member_count <= k.most, LATERAL (
                SELECT array_agg(user_id) AS users, array_agg(joined_seq) AS joined
                FROM members WHERE chat_id = c.id AND left_seq IS NULL) m
            """, as: (ChatID, ChatKind, [UserID]?, [Int64]?).self)
        return Dictionary(
            rows.map { chat, kind, users, joined in (chat, (kind, Audience(members: users ?? [], joinedSeqs: joined ?? []))) },
            uniquingKeysWith: { one, _ in one })
    }

    /// Returns the present members of chats that are known to exist, at half the cost of ``audiences(of:)``.
    func members(of chats: [ChatID]) async throws -> [ChatID: Audience] {
        let rows = try await database.reads.query(
            """
            SELECT chat_id, user_id, joined_seq FROM members WHERE chat_id = ANY(\(chats)) AND left_seq IS NULL
            """, as: (ChatID, UserID, Int64).self)
        return Dictionary(grouping: rows, by: \.0).mapValues { rows in
            Audience(members: rows.map(\.1), joinedSeqs: rows.map(\.2))
        }
    }

    /// Returns the members who see that `user` is typing, and whether the other member of a direct chat has
    /// blocked `user`.
    ///
    /// - Returns: `nil` if `user` is not a member of the chat.
    func typingRecipients(of user: UserID, in chat: ChatID) async throws -> (others: [UserID], isBlocked: Bool)? {
        let row = try await database.reads.first(
            """
            SELECT o.users, c.kind = 'direct' AND EXISTS (
                SELECT FROM blocks WHERE user_id = ANY(o.users) AND other_id = \(user) AND blocked)
            FROM members m JOIN chats c ON c.id = m.chat_id, LATERAL (
                SELECT array_agg(user_id) AS users FROM members
                WHERE chat_id = m.chat_id AND user_id <> m.user_id AND left_seq IS NULL) o
            WHERE m.chat_id = \(chat) AND m.user_id = \(user) AND m.left_seq IS NULL
            """, as: ([UserID]?, Bool).self)
        return row.map { ($0.0 ?? [], $0.1) }
    }
}

/// The copy of the blocks that the service `users` owns.
enum BlockStore {
    /// Applies an event unless a newer one of the same pair was applied before.
    static func apply(_ event: BlockChanged) -> SQL {
        """
        INSERT INTO blocks (user_id, other_id, blocked, rev) VALUES (\(event.userID), \(event.otherID), \(event.blocked), \(event.rev))
        ON CONFLICT (user_id, other_id) DO UPDATE SET blocked = excluded.blocked, rev = excluded.rev WHERE blocks.rev < excluded.rev
        """
    }
}
