import Bus
import Contracts
import Postgres

/// Moves read markers. They are the reader's own row's business: no chat is locked and no `rev` is taken.
struct MarkerStore: Sendable {
    let database: PostgresPool
    let outbox: Outbox

    /// Moves the marker forward, at most to the last message; what would move it back does nothing.
    ///
    /// Two round trips on the shared connections: markers are many, and those for transactions belong to sends.
    ///
    /// - Throws: `notFound` for who is not in the chat; ``PostgresError``.
    func markRead(_ request: MarkRead) async throws -> MarkRead.Response {
        guard let before = try Marker(try await database.reads.query(Self.read(request))) else { throw ServiceError.noSuchChat }
        let seq = min(request.seq, before.lastSeq)
        if before.readSeq >= seq { return before.response }
        let moved = try OutboxEvent(ReadMoved(chatID: request.chatID, userID: request.userID, readSeq: seq))
        let rows = try await database.atomically([Self.move(request, to: seq, telling: moved), Self.read(request)])
        guard let marker = try Marker(rows[1]) else { throw ServiceError.noSuchChat }
        if try rows[0].one(as: Int.self) > 0 { outbox.committed([moved]) }
        return marker.response
    }

    /// Moves delivered markers forward, each at most to the chat's last message; those of who is not in the chat are passed over.
    ///
    /// One statement. The rows are locked in one order, so that two of these never wait for one another in a circle. Nobody's list of chats
    /// shows these markers, so `changed_at` stays.
    ///
    /// - Parameter markers: one at least.
    /// - Returns: those that moved, and how far.
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

    /// One row: how many markers were moved, none or one. The fact goes with it, or not.
    private static func move(_ request: MarkRead, to seq: Int64, telling fact: OutboxEvent) -> SQL {
        """
        WITH moved AS (
            UPDATE members SET read_seq = \(seq), delivered_seq = greatest(delivered_seq, \(seq)), changed_at = \(SQL.clock)
            WHERE chat_id = \(request.chatID) AND user_id = \(request.userID) AND left_seq IS NULL AND read_seq < \(seq)
            RETURNING user_id
        ), told AS (\(fact.insert(where: "EXISTS (SELECT FROM moved)")))
        SELECT count(*) FROM moved
        """
    }

    private struct Marker {
        let lastSeq: Int64
        let readSeq: Int64
        let unread: Int

        init?(_ rows: PostgresRows) throws {
            guard let (lastSeq, readSeq, unread) = try rows.first(as: (Int64, Int64, Int).self) else { return nil }
            (self.lastSeq, self.readSeq, self.unread) = (lastSeq, readSeq, unread)
        }

        var response: MarkRead.Response { MarkRead.Response(readSeq: readSeq, unread: unread) }
    }
}
