import Bus
import Contracts
import Postgres

/// Moves read markers and delivered markers. Both change only the member's own row: no chat is locked and no
/// `rev` is used.
struct MarkerStore: Sendable {
    let database: PostgresPool
    let outbox: Outbox

    /// Moves a read marker forward, at most to the last message. Never moves it back.
    ///
    /// Takes two round trips on the shared connections. Read markers are frequent, and the connections for
    /// transactions are reserved for sends.
    ///
    /// - Throws: `notFound` if the user is not a member; ``PostgresError``.
    func markRead(_ request: MarkRead) async throws -> MarkRead.Response {
        guard let before = try ReadMarker(try await database.reads.query(Self.read(request))) else {
            throw ServiceError.noSuchChat
        }
        let seq = min(request.seq, before.lastSeq)
        if before.readSeq >= seq { return before.response }
        let moved = try OutboxEvent(ReadMoved(chatID: request.chatID, userID: request.userID, readSeq: seq))
        let rows = try await database.atomically([Self.move(request, to: seq, publishing: moved), Self.read(request)])
        guard let marker = try ReadMarker(rows[1]) else { throw ServiceError.noSuchChat }
        if try rows[0].one(as: Int.self) > 0 { outbox.committed([moved]) }
        return marker.response
    }

    /// Moves delivered markers forward, each at most to the chat's last message. Ignores markers of users who
    /// are not members.
    ///
    /// Runs one statement that locks the rows in a fixed order, so that two of them cannot deadlock.
    /// `changed_at` stays, as lists of chats do not show these markers.
    ///
    /// - Parameter markers: at least one.
    /// - Returns: the markers that moved, with their new positions.
    func markDelivered(_ markers: [MarkDelivered.Marker]) async throws -> [MarkDelivered.Marker] {
        let highest = Dictionary(
            markers.map { (MemberKey(chatID: $0.chatID, userID: $0.userID), $0.seq) }, uniquingKeysWith: max)
        return try await database.query(
            """
            WITH due AS MATERIALIZED (
                SELECT m.chat_id, m.user_id, least(k.seq, c.last_seq) AS seq
                FROM unnest(\(highest.keys.map(\.chatID)), \(highest.keys.map(\.userID)), \(Array(highest.values)))
                    AS k (chat_id, user_id, seq)
                JOIN chats c ON c.id = k.chat_id
                JOIN members m ON m.chat_id = k.chat_id AND m.user_id = k.user_id
                WHERE m.left_seq IS NULL AND m.delivered_seq < least(k.seq, c.last_seq)
                ORDER BY m.chat_id, m.user_id FOR NO KEY UPDATE OF m)
            UPDATE members m SET delivered_seq = due.seq FROM due
            WHERE m.chat_id = due.chat_id AND m.user_id = due.user_id AND m.left_seq IS NULL AND m.delivered_seq < due.seq
            RETURNING m.user_id, m.chat_id, m.delivered_seq
            """, as: (UserID, ChatID, Int64).self
        ).map { MarkDelivered.Marker(userID: $0.0, chatID: $0.1, seq: $0.2) }
    }

    private static func read(_ request: MarkRead) -> SQL {
        """
        SELECT c.last_seq, m.read_seq,
            \(Unread.count(request.userID, chat: "c.id", lastSeq: "c.last_seq", readSeq: "m.read_seq"))
        FROM members m JOIN chats c ON c.id = m.chat_id
        WHERE m.chat_id = \(request.chatID) AND m.user_id = \(request.userID) AND m.left_seq IS NULL
        """
    }

    /// Moves the marker and, if it moved, inserts the event. Selects one row with the number of moved
    /// markers, 0 or 1.
    private static func move(_ request: MarkRead, to seq: Int64, publishing event: OutboxEvent) -> SQL {
        """
        WITH moved AS (
            UPDATE members SET read_seq = \(seq), delivered_seq = greatest(delivered_seq, \(seq)), changed_at = \(SQL.clock)
            WHERE chat_id = \(request.chatID) AND user_id = \(request.userID) AND left_seq IS NULL AND read_seq < \(seq)
            RETURNING user_id
        ), published AS (\(event.insert(where: "EXISTS (SELECT FROM moved)")))
        SELECT count(*) FROM moved
        """
    }

    private struct ReadMarker {
        let lastSeq: Int64
        let readSeq: Int64
        let unread: Int

        init?(_ rows: PostgresRows) throws {
            guard let row = try rows.first(as: (Int64, Int64, Int).self) else { return nil }
            lastSeq = row.0
            readSeq = row.1
            unread = row.2
        }

        var response: MarkRead.Response { MarkRead.Response(readSeq: readSeq, unread: unread) }
    }
}
