import Bus
import Contracts
import Postgres

/// Commits batches of sends, each in two round trips.
struct SendStore: Sendable {
    let database: PostgresPool
    let outbox: Outbox
    /// The longest time that a batch waits for a chat's lock.
    var lockTimeout = Duration.milliseconds(500)

    /// Decides on the drafts under the locks of their chats and stores the accepted ones, with one event for
    /// all of them. Returns after the commit.
    ///
    /// - Parameter ids: one id per draft, ascending.
    /// - Throws: ``PostgresError``. Nothing is stored, unless ``PostgresError/mayHaveHappened``. Repeating
    ///   the same drafts is safe. `lockNotAvailable`: another transaction holds the lock of a chat.
    func commit(_ drafts: [Draft], ids: [MessageID], deadline: ContinuousClock.Instant) async throws -> SendBatch.Decision {
        var event: OutboxEvent?
        let decision = try await database.transaction(deadline: deadline) { transaction in
            let batch = try await readState(for: drafts, in: transaction)
            let decision = batch.decide(drafts, ids: ids)
            if decision.inserts.isEmpty { return decision }
            let sent = try OutboxEvent(MessagesSent(messages: decision.inserts.map(\.message)))
            event = sent
            try await transaction.commit([insert(decision.inserts), update(decision.chats), sent.insert])
            return decision
        }
        if let event { outbox.committed([event]) }
        return decision
    }

    // MARK: The first round trip

    /// Locks the chats in a statement of its own: only the snapshot of the next one surely shows what earlier
    /// holders of the locks committed. Locks in the order of ids, so that batches cannot deadlock.
    private func readState(for drafts: [Draft], in transaction: PostgresTransaction) async throws -> SendBatch {
        let chats = Set(drafts.map(\.key.chatID)).sorted()
        transaction.setLockTimeout(lockTimeout)
        let rows = try await transaction.run([
            "SELECT id, kind, last_seq, rev, last_sent_at FROM chats WHERE id = ANY(\(chats)) ORDER BY id FOR NO KEY UPDATE",
            Self.state(for: drafts),
        ])
        var batch = SendBatch(chats: [:], members: [:], blocked: [], repeats: [:], now: Timestamp(millisecondsSinceEpoch: 0))
        for (id, kind, lastSeq, rev, lastSentAt) in try rows[0].decode((ChatID, ChatKind, Int64, Int64, Timestamp?).self) {
            batch.chats[id] = .init(kind: kind, lastSeq: lastSeq, rev: rev, lastSentAt: lastSentAt)
        }
        for (draft, row) in zip(drafts, try rows[1].decode(DraftRow.self)) { batch.add(row, for: draft) }
        return batch
    }

    /// Selects one row per draft, in their order: the clock, the sender's membership, whether the other
    /// member of a direct chat has blocked the sender, and the message that an earlier send stored under the
    /// same key.
    ///
    /// Every look-up is by a whole key. `LIMIT` enforces that: without it, the planner reads all of
    /// `messages` into a hash while its statistics call the table small. Blocks are read for direct chats
    /// only, which have two members.
    private static func state(for drafts: [Draft]) -> SQL {
        """
        SELECT \(SQL.clock), s.role, s.joined_seq, s.left_seq,
            CASE WHEN c.kind = 'direct' THEN EXISTS (
                SELECT FROM members o WHERE o.chat_id = d.chat_id AND o.user_id <> d.sender_id
                    AND (SELECT b.blocked FROM blocks b WHERE b.user_id = o.user_id AND b.other_id = d.sender_id))
            ELSE FALSE END,
            m.request_hash, m.seq, m.id, coalesce(m.changed_rev, m.sent_rev), m.text, m.sent_at, m.edited_at, m.deleted_at, m.reply_to
        FROM unnest(\(drafts.map(\.key.chatID)), \(drafts.map(\.key.senderID)), \(drafts.map(\.key.clientMessageID)))
            WITH ORDINALITY AS d (chat_id, sender_id, client_message_id, place)
        LEFT JOIN LATERAL (SELECT kind FROM chats WHERE id = d.chat_id LIMIT 1) c ON TRUE
        LEFT JOIN LATERAL (
            SELECT role, joined_seq, left_seq FROM members WHERE chat_id = d.chat_id AND user_id = d.sender_id LIMIT 1) s ON TRUE
        LEFT JOIN LATERAL (
            SELECT * FROM messages
            WHERE chat_id = d.chat_id AND sender_id = d.sender_id AND client_message_id = d.client_message_id LIMIT 1) m ON TRUE
        ORDER BY d.place
        """
    }

    // MARK: The second round trip

    private func insert(_ inserts: [StoredMessage]) -> SQL {
        let messages = inserts.map(\.message)
        return """
            INSERT INTO messages (chat_id, seq, id, sent_rev, sender_id, reply_to, sent_at, client_message_id, request_hash, text)
            SELECT * FROM unnest(
                \(messages.map(\.chatID)), \(messages.map(\.seq)), \(messages.map(\.id)), \(messages.map(\.rev)),
                \(messages.map(\.senderID)), \(messages.map(\.replyTo)), \(messages.map(\.sentAt)),
                \(messages.map(\.clientMessageID)), \(inserts.map(\.hash)), \(messages.map(\.text)))
            """
    }

    private func update(_ chats: [ChatID: SendBatch.ChatState]) -> SQL {
        let (ids, states) = (Array(chats.keys), Array(chats.values))
        return """
            UPDATE chats SET last_seq = n.last_seq, rev = n.rev, last_sent_at = n.sent_at, updated_at = greatest(updated_at, n.sent_at)
            FROM unnest(\(ids), \(states.map(\.lastSeq)), \(states.map(\.rev)), \(states.map(\.lastSentAt)))
                AS n (id, last_seq, rev, sent_at)
            WHERE chats.id = n.id
            """
    }
}

private typealias DraftRow = (
    Timestamp, ChatRole?, Int64?, Int64?, Bool,
    RequestHash?, Int64?, MessageID?, Int64?, String?, Timestamp?, Timestamp?, Timestamp?, Int64?
)

extension SendBatch {
    fileprivate mutating func add(_ row: DraftRow, for draft: Draft) {
        let (clock, role, joinedSeq, leftSeq, isBlocked, hash, seq, id, rev, text, sentAt, editedAt, deletedAt, replyTo) = row
        now = max(now, clock)
        let sender = MemberKey(chatID: draft.key.chatID, userID: draft.key.senderID)
        if let role, let joinedSeq { members[sender] = Membership(role: role, joinedSeq: joinedSeq, leftSeq: leftSeq) }
        if isBlocked { blocked.insert(sender) }
        guard let hash, let seq, let id, let rev, let text, let sentAt else { return }
        let message = Message(
            id: id, chatID: draft.key.chatID, seq: seq, rev: rev, senderID: draft.key.senderID,
            clientMessageID: draft.key.clientMessageID, text: text, sentAt: sentAt, editedAt: editedAt, deletedAt: deletedAt,
            replyTo: replyTo)
        repeats[draft.key] = StoredMessage(message: message, hash: hash)
    }
}
