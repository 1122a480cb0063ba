import Bus
import Contracts
import Postgres

/// Moves read markers. They are the reader's own row's business: no chat is locked and no `rev` is taken.
struct MarkerStore: Sendable {
    let database: PostgresPool
    let outbox: Outbox

    /// Moves the marker forward, at most to the last message; what would move it back does nothing.
    ///
    /// - Throws: `notFound` for who is not in the chat; ``PostgresError``.
    func markRead(_ request: MarkRead, deadline: ContinuousClock.Instant) async throws -> MarkRead.Response {
        // Most marks that change nothing are repeats: they cost no transaction.
        if let marker = try await marker(request), marker.readSeq >= min(request.seq, marker.lastSeq) { return marker.response }
        var event: OutboxEvent?
        let response = try await database.transaction(deadline: deadline) { transaction in
            let rows = try await transaction.run([move(request), Self.read(request)])
            guard let marker = try Marker(rows[1]) else { throw ServiceError.noSuchChat }
            if rows[0].isEmpty { return marker.response }
            let moved = try OutboxEvent(
                ReadMoved(chatID: request.chatID, userID: request.userID, readSeq: marker.readSeq))
            event = moved
            try await transaction.commit([moved.insert])
            return marker.response
        }
        if let event { outbox.committed([event]) }
        return response
    }

    private func marker(_ request: MarkRead) async throws -> Marker? {
        try Marker(try await database.reads.query(Self.read(request)))
    }

    private static func read(_ request: MarkRead) -> SQL {
        """
        SELECT c.last_seq, m.read_seq,
            \(Unread.count(request.userID, chat: "c.id", lastSeq: "c.last_seq", readSeq: "m.read_seq"))
        FROM members m JOIN chats c ON c.id = m.chat_id
        WHERE m.chat_id = \(request.chatID) AND m.user_id = \(request.userID) AND m.left_seq IS NULL
        """
    }

    private func move(_ request: MarkRead) -> SQL {
        """
        UPDATE members m SET read_seq = least(\(request.seq), c.last_seq),
            delivered_seq = greatest(m.delivered_seq, least(\(request.seq), c.last_seq)), changed_at = \(SQL.clock)
        FROM chats c
        WHERE m.chat_id = \(request.chatID) AND m.user_id = \(request.userID) AND m.left_seq IS NULL
            AND c.id = m.chat_id AND m.read_seq < least(\(request.seq), c.last_seq)
        RETURNING m.user_id
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
