import Bus
import Contracts
import Postgres

/// Reads chats as one of their members sees them.
struct ChatViewStore: Sendable {
    let database: PostgresPool

    /// - Returns: `nil` if the chat does not exist or the user is not a member.
    func chat(_ id: ChatID, for user: UserID) async throws(PostgresError) -> Chat? {
        let rows = try await database.reads.query(
            Self.views(
                of: """
                    SELECT \(Self.viewColumns), c.updated_at AS shown_at FROM chats c JOIN members m ON m.chat_id = c.id
                    WHERE c.id = \(id) AND m.user_id = \(user) AND m.left_seq IS NULL
                    """, for: user))
        return try rows.first(as: ChatRow.Columns.self).map(ChatRow.chat)
    }

    /// Returns a user's present chats, newest first.
    ///
    /// - Returns: the chats, and the database's time before the list was read.
    func list(for user: UserID, after: PageCursor?, limit: Int) async throws(PostgresError) -> (chats: [Chat], askedAt: Timestamp)
    {
        try await read(
            for: user,
            """
            SELECT \(Self.viewColumns), c.updated_at AS shown_at \(Self.chatsOf(user))
            WHERE m.left_seq IS NULL AND \(Self.isBefore(after, "c.updated_at"))
            ORDER BY c.updated_at DESC, c.id DESC LIMIT \(limit)
            """)
    }

    /// Returns a user's chats that changed since a time, newest first, including chats that the user left
    /// since then. The user's own markers count as changes.
    func list(
        for user: UserID, changedFrom: Timestamp, after: PageCursor?, limit: Int
    ) async throws(PostgresError) -> (chats: [Chat], askedAt: Timestamp) {
        try await read(
            for: user,
            """
            SELECT \(Self.viewColumns), \(Self.shownAt) AS shown_at \(Self.chatsOf(user))
            WHERE greatest(\(Self.shownAt), m.changed_at) >= \(changedFrom) AND \(Self.isBefore(after, Self.shownAt))
            ORDER BY shown_at DESC, c.id DESC LIMIT \(limit)
            """)
    }

    /// Reads the clock first, in a separate statement. A change that the list does not show yet has a time
    /// after that clock, or before it by less than the longest transaction.
    private func read(for user: UserID, _ page: SQL) async throws(PostgresError) -> (chats: [Chat], askedAt: Timestamp) {
        let rows = try await database.reads.atomically(["SELECT \(SQL.clock)", Self.views(of: page, for: user)])
        return (try rows[1].decode(ChatRow.Columns.self).map(ChatRow.chat), try rows[0].one(as: Timestamp.self))
    }

    // MARK: Statements

    private static let viewColumns: SQL = """
        c.id, c.kind, c.title, c.last_seq, c.rev, c.member_count, c.created_at, m.role, m.joined_seq, m.left_seq, m.read_seq,
        m.rev AS member_rev
        """

    /// The time by which a chat is sorted. For a user who has left, it is the time of leaving, as the chat
    /// changes further.
    private static let shownAt: SQL = "CASE WHEN m.left_seq IS NULL THEN c.updated_at ELSE m.changed_at END"

    /// Joins the table keyed by user to the tables keyed by chat. Materialized, so that a distributed
    /// database can run the two steps one after the other. Both look up by primary key, at about 5 µs per
    /// chat of the user.
    private static func chatsOf(_ user: UserID) -> SQL {
        """
        FROM (WITH mine AS MATERIALIZED (SELECT chat_id FROM memberships WHERE user_id = \(user)) SELECT chat_id FROM mine) AS mine
        JOIN members m ON m.chat_id = mine.chat_id AND m.user_id = \(user) JOIN chats c ON c.id = mine.chat_id
        """
    }

    private static func isBefore(_ cursor: PageCursor?, _ time: SQL) -> SQL {
        guard let cursor else { return "TRUE" }
        return "(\(time), c.id) < (\(cursor.time), \(cursor.id))"
    }

    /// Adds the last message and the unread count, which are read only for the chats of the page.
    private static func views(of page: SQL, for user: UserID) -> SQL {
        """
        WITH page AS MATERIALIZED (\(page))
        SELECT p.id, p.kind, p.title, p.rev, p.member_count, p.created_at, p.role, p.read_seq, p.left_seq IS NOT NULL, p.member_rev, p.shown_at,
            CASE WHEN p.left_seq IS NULL THEN \(Unread.count(user, chat: "p.id", lastSeq: "p.last_seq", readSeq: "p.read_seq")) ELSE 0 END,
            m.seq, m.id, coalesce(m.changed_rev, m.sent_rev), m.sender_id, m.client_message_id, m.text, m.sent_at, m.edited_at, m.deleted_at,
            m.reply_to
        FROM page p
        LEFT JOIN messages m ON m.chat_id = p.id AND m.seq = p.last_seq AND m.seq > p.joined_seq AND p.left_seq IS NULL
        ORDER BY p.shown_at DESC, p.id DESC
        """
    }
}

/// The unread count: the messages after the read marker, without the user's own.
enum Unread {
    /// Returns an SQL expression that counts own messages where it visits the fewest rows: among at most 200
    /// unread messages, or else among the user's own messages in the chat, by an index-only scan.
    static func count(_ user: UserID, chat: SQL, lastSeq: SQL, readSeq: SQL) -> SQL {
        """
        \(lastSeq) - \(readSeq) - CASE WHEN \(lastSeq) - \(readSeq) <= 200
            THEN (SELECT count(*) FILTER (WHERE own.sender_id = \(user)) FROM messages own
                WHERE own.chat_id = \(chat) AND own.seq > \(readSeq) AND own.seq <= \(lastSeq))
            ELSE (SELECT count(*) FROM messages own
                WHERE own.chat_id = \(chat) AND own.sender_id = \(user) AND own.seq > \(readSeq) AND own.seq <= \(lastSeq))
            END
        """
    }
}

/// Decodes the rows of ``ChatViewStore/views(of:for:)``.
private enum ChatRow {
    typealias Columns = (
        ChatID, ChatKind, String?, Int64, Int, Timestamp, ChatRole, Int64, Bool, Int64, Timestamp, Int64,
        Int64?, MessageID?, Int64?, UserID?, ClientMessageID?, String?, Timestamp?, Timestamp?, Timestamp?, Int64?
    )

    static func chat(_ row: Columns) -> Chat {
        let (id, kind, title, rev, memberCount, createdAt, role, readSeq, isLeft, memberRev, shownAt, unread) = (
            row.0, row.1, row.2, row.3, row.4, row.5, row.6, row.7, row.8, row.9, row.10, row.11
        )
        if isLeft {
            return Chat(
                id: id, kind: kind, memberCount: 0, role: role, unread: 0, readSeq: readSeq, rev: memberRev, createdAt: createdAt,
                updatedAt: shownAt, left: true)
        }
        return Chat(
            id: id, kind: kind, title: title, memberCount: memberCount, role: role, lastMessage: lastMessage(of: id, row),
            unread: Int(unread), readSeq: readSeq, rev: rev, createdAt: createdAt, updatedAt: shownAt)
    }

    private static func lastMessage(of chat: ChatID, _ row: Columns) -> Message? {
        guard let seq = row.12, let id = row.13, let rev = row.14, let sender = row.15, let key = row.16, let text = row.17,
            let sentAt = row.18
        else { return nil }
        return Message(
            id: id, chatID: chat, seq: seq, rev: rev, senderID: sender, clientMessageID: key, text: text, sentAt: sentAt,
            editedAt: row.19, deletedAt: row.20, replyTo: row.21)
    }
}
