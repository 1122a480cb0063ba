import Bus
import Contracts
import Postgres

/// Reads chats as one of their members sees them.
struct ChatViewStore: Sendable {
    let database: PostgresPool

    /// - Returns: `nil` when there is no such chat or the user is not in it.
    func chat(_ id: ChatID, for user: UserID) async throws(PostgresError) -> Chat? {
        let rows = try await database.reads.query(
            Self.views(
                of: """
                    SELECT \(Self.viewColumns), c.updated_at AS shown_at FROM chats c JOIN members m ON m.chat_id = c.id
                    WHERE c.id = \(id) AND m.user_id = \(user) AND m.left_seq IS NULL
                    """, for: user))
        return try rows.first(as: ChatRow.Columns.self).map(ChatRow.chat)
    }

    /// A user's chats, newest first, those left not among them.
    ///
    /// - Parameter limit: at most so many.
    /// - Returns: the chats, and when they were asked for by the database's clock: not later than the moment that they show.
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

    /// Likewise those that changed since a moment, and those left since then. Own markers count as changes.
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

    /// The clock is asked first, in a statement of its own: what the list does not show yet is stamped later than that, or by less than a
    /// transaction may last earlier.
    private func read(for user: UserID, _ page: SQL) async throws(PostgresError) -> (chats: [Chat], askedAt: Timestamp) {
        let rows = try await database.reads.atomically(["SELECT \(SQL.clock)", Self.views(of: page, for: user)])
        return (try rows[1].decode(ChatRow.Columns.self).map(ChatRow.chat), try rows[0].one(as: Timestamp.self))
    }

    // MARK: Statements

    private static let viewColumns: SQL = """
        c.id, c.kind, c.title, c.last_seq, c.rev, c.member_count, c.created_at, m.role, m.joined_seq, m.left_seq, m.read_seq,
        m.rev AS member_rev
        """

    /// Chats move on after somebody left: for them the moment of leaving counts.
    private static let shownAt: SQL = "CASE WHEN m.left_seq IS NULL THEN c.updated_at ELSE m.changed_at END"

    /// What is keyed by user leads to what is keyed by chat; materialized, so that a distributed database can run the two one after the other.
    /// Both look-ups are by primary key, so the cost is proportional to the number of the user's chats: some 5 µs each.
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

    /// Adds to each chat of a page what is worth reading only for those: its last message and how many are unread.
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

/// Unread messages: those after the read marker, less one's own.
enum Unread {
    /// An expression. Own messages are counted where there are fewest rows to visit: among the unread ones while those are few, else
    /// among all of one's own in the chat, in the index alone.
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

/// A chat as it comes out of a statement.
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
