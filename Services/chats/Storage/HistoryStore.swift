import Bus
import Contracts
import Postgres

/// Reads messages and memberships.
struct HistoryStore: Sendable {
    let database: PostgresPool

    /// Returns present and past memberships, each with the `rev` of its last change.
    func memberships(_ keys: [MemberKey]) async throws(PostgresError) -> [MemberKey: (membership: Membership, rev: Int64)] {
        let rows = try await database.reads.query(
            """
            SELECT m.chat_id, m.user_id, m.role, m.joined_seq, m.left_seq, m.rev
            FROM unnest(\(keys.map(\.chatID)), \(keys.map(\.userID))) AS k (chat_id, user_id)
            JOIN members m ON m.chat_id = k.chat_id AND m.user_id = k.user_id
            """, as: (ChatID, UserID, ChatRole, Int64, Int64?, Int64).self)
        return Dictionary(
            rows.map { chat, user, role, joinedSeq, leftSeq, rev in
                (
                    MemberKey(chatID: chat, userID: user),
                    (Membership(role: role, joinedSeq: joinedSeq, leftSeq: leftSeq), rev)
                )
            }, uniquingKeysWith: { one, _ in one })
    }

    /// Returns the newest messages of existing chats, in one snapshot with their `rev`.
    func recent(_ chats: [ChatID]) async throws -> [ChatID: RecentMessages] {
        let rows = try await database.reads.query(
            """
            SELECT c.id, c.rev, c.last_seq, m.seq, m.id, coalesce(m.changed_rev, m.sent_rev), m.sender_id, m.client_message_id, m.text,
                m.sent_at, m.edited_at, m.deleted_at, m.reply_to
            FROM unnest(\(chats)) AS k (id) JOIN chats c ON c.id = k.id
            LEFT JOIN messages m ON m.chat_id = c.id AND m.seq > c.last_seq - \(RecentMessages.count) AND m.seq <= c.last_seq
            ORDER BY c.id, m.seq
            """, as: RecentRow.self)
        var found: [ChatID: (rev: Int64, lastSeq: Int64, messages: [Message])] = [:]
        for (chat, rev, lastSeq, seq, id, messageRev, sender, key, text, sentAt, editedAt, deletedAt, replyTo) in rows {
            var recent = found[chat] ?? (rev, lastSeq, [])
            if let seq, let id, let messageRev, let sender, let key, let text, let sentAt {
                recent.messages.append(
                    Message(
                        id: id, chatID: chat, seq: seq, rev: messageRev, senderID: sender, clientMessageID: key, text: text,
                        sentAt: sentAt, editedAt: editedAt, deletedAt: deletedAt, replyTo: replyTo))
            }
            found[chat] = recent
        }
        return try found.mapValues { try RecentMessages(rev: $0.rev, lastSeq: $0.lastSeq, messages: $0.messages) }
    }

    /// Returns messages of one chat in the order of reading.
    ///
    /// - Parameter limit: one more than the page size, to find out whether there is a next page.
    func messages(of chat: ChatID, _ range: HistoryRange, limit: Int) async throws(PostgresError) -> [Message] {
        try MessageRow.messages(try await database.reads.query(Self.statement(chat, range, limit: limit)))
    }

    private static func statement(_ chat: ChatID, _ range: HistoryRange, limit: Int) -> SQL {
        switch range {
        case .backwards(let before, let floor):
            """
            SELECT \(SQL.messageColumns) FROM messages m WHERE m.chat_id = \(chat) AND m.seq < \(before) AND m.seq > \(floor)
            ORDER BY m.seq DESC LIMIT \(limit)
            """
        case .forwards(let after):
            """
            SELECT \(SQL.messageColumns) FROM messages m WHERE m.chat_id = \(chat) AND m.seq > \(after) ORDER BY m.seq LIMIT \(limit)
            """
        case .from(let time, let floor):
            """
            \(first(in: chat, where: "m.sent_at >= \(time)"))
            SELECT \(SQL.messageColumns) FROM messages m WHERE m.chat_id = \(chat) AND m.seq > \(floor)
                AND m.seq >= (SELECT low FROM bisection WHERE low = high)
            ORDER BY m.seq LIMIT \(limit)
            """
        case .changed(let rev, let floor):
            """
            \(first(in: chat, where: "m.sent_rev > \(rev)"))
            (SELECT \(SQL.messageColumns) FROM messages m WHERE m.chat_id = \(chat) AND m.seq > \(floor)
                AND m.seq >= (SELECT low FROM bisection WHERE low = high) AND m.changed_rev IS NULL
            ORDER BY m.seq LIMIT \(limit))
            UNION ALL
            (SELECT \(SQL.messageColumns) FROM messages m WHERE m.chat_id = \(chat) AND m.seq > \(floor) AND m.changed_rev > \(rev)
            ORDER BY m.changed_rev LIMIT \(limit))
            ORDER BY 4 LIMIT \(limit)
            """
        }
    }

    /// Finds the first message that satisfies a condition which all later messages satisfy too, by bisection.
    /// This works for `sent_at` and `sent_rev`, which increase along the gapless `seq`. It reads the primary
    /// key about log₂ n times and needs no index of its own, which would slow every send. Yields a `seq`
    /// after the last message if none satisfies it.
    private static func first(in chat: ChatID, where holds: SQL) -> SQL {
        """
        WITH RECURSIVE bisection (low, high) AS (
            SELECT 1::bigint, last_seq + 1 FROM chats WHERE id = \(chat)
            UNION ALL
            SELECT CASE WHEN \(holds) THEN low ELSE m.seq + 1 END, CASE WHEN \(holds) THEN m.seq ELSE high END
            FROM bisection JOIN messages m ON m.chat_id = \(chat) AND m.seq = (low + high) / 2 WHERE low < high)
        """
    }
}

private typealias RecentRow = (
    ChatID, Int64, Int64, Int64?, MessageID?, Int64?, UserID?, ClientMessageID?, String?, Timestamp?, Timestamp?, Timestamp?,
    Int64?
)
