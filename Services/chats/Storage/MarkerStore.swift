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
