import Bus
import Contracts
import Postgres

/// Opens chats: what is keyed by user first, repeatably; then the chat, in a transaction of its own.
struct NewChatStore: Sendable {
    let database: PostgresPool
    let transactions: MembershipTransactions
    let outbox: Outbox

    enum Result: Hashable, Sendable {
        case created
        /// Somebody else was first.
        case exists
        /// The same `Idempotency-Key` made this chat before.
        case repeated(ChatID)
    }

    /// The chat that is reserved for two people; it exists unless whoever reserved it did not get further.
    func directChat(of pair: Pair) async throws(PostgresError) -> ChatID? {
        try await database.reads.first(
            "SELECT chat_id FROM direct_pairs WHERE low_user = \(pair.low) AND high_user = \(pair.high)", as: ChatID.self)
    }

    /// Reserves `id` for two people, unless another is reserved already.
    ///
    /// - Returns: the one that is reserved.
    func reserve(_ id: ChatID, for pair: Pair) async throws(PostgresError) -> ChatID {
        let mine = try await database.first(
            """
            INSERT INTO direct_pairs (low_user, high_user, chat_id) VALUES (\(pair.low), \(pair.high), \(id))
            ON CONFLICT DO NOTHING RETURNING chat_id
            """, as: ChatID.self)
        if let mine { return mine }
        guard let theirs = try await directChat(of: pair) else {
            throw PostgresError(.unexpectedResult, "a pair that was there is gone")
        }
        return theirs
    }

    /// Leads users to a chat that they are about to be in. Means nothing until the chat says so.
    func lead(_ users: [UserID], to chat: ChatID) async throws(PostgresError) {
        try await database.execute(
            """
            INSERT INTO memberships (user_id, chat_id) SELECT u, \(chat) FROM unnest(\(users.sorted())) AS u ORDER BY u
            ON CONFLICT DO NOTHING
            """)
    }

    /// Takes back ``lead(_:to:)``, for a chat that will never be. What is left if it fails does no harm.
    func forget(_ users: [UserID], leadTo chat: ChatID) async {
        _ = try? await database.execute("DELETE FROM memberships WHERE user_id = ANY(\(users)) AND chat_id = \(chat)")
    }

    /// Of the others, those who have blocked the creator.
    func blockers(_ newChat: NewChat) async throws(PostgresError) -> Set<UserID> {
        Set(try await database.query(Self.blockers(newChat), as: UserID.self))
    }

    /// The chat that an `Idempotency-Key` made within the last 24 hours.
    ///
    /// - Throws: `invalid` when it was used for another request; ``PostgresError``.
    func creation(under key: String, by user: UserID, hash: RequestHash) async throws -> ChatID? {
        try Self.creation(
            in: try await database.reads.query(Self.creation(key, user)), hash: hash)
    }

    /// Makes the chat, its members and the fact that tells of it.
    ///
    /// - Parameter hash: of the request; goes with its `Idempotency-Key`.
    /// - Throws: `denied` when somebody of them has blocked the creator; ``PostgresError``.
    func create(_ newChat: NewChat, id: ChatID, hash: RequestHash, deadline: ContinuousClock.Instant) async throws -> Result {
        do {
            var event: OutboxEvent?
            let result = try await transactions.run(deadline: deadline) { transaction in
                let (earlier, blockers, now) = try await readFacts(newChat, id: id, hash: hash, in: transaction)
                if let earlier { return Result.repeated(earlier) }
                try newChat.check(blockers: blockers)
                let created = try OutboxEvent(newChat.fact(id: id, at: now))
                event = created
                try await transaction.commit([insertChat(newChat, id, now), insertMembers(newChat, id, now), created.insert])
                return .created
            }
            if let event { outbox.committed([event]) }
            return result
        } catch let error as PostgresError where error.sqlState == .uniqueViolation && error.constraint == "chats_pkey" {
            return .exists
        }
    }

    /// Forgets keys that are older than 24 hours, a thousand at a time: each statement ends well before its timeout, however many there are.
    func forgetOldCreations() async throws(PostgresError) {
        var forgotten: Int
        repeat {
            forgotten = try await database.execute(
                """
                DELETE FROM creations WHERE (user_id, key) IN (
                    SELECT user_id, key FROM creations WHERE created_at < clock_timestamp() - interval '24 hours'
                    ORDER BY created_at LIMIT 1000)
                """)
        } while forgotten > 0 && !Task.isCancelled
    }

    // MARK: Statements

    /// Two requests with the same key at once: the second waits for the first one's row here and then finds it.
    private func readFacts(
        _ newChat: NewChat, id: ChatID, hash: RequestHash, in transaction: PostgresTransaction
    ) async throws -> (earlier: ChatID?, blockers: Set<UserID>, now: Timestamp) {
        var statements: [SQL] = [Self.blockers(newChat), "SELECT \(SQL.clock)"]
        if let key = newChat.idempotencyKey {
            statements.append(insertCreation(key, newChat.creatorID, id, hash))
            statements.append(Self.creation(key, newChat.creatorID))
        }
        let rows = try await transaction.run(statements)
        var earlier = rows.count > 2 ? try Self.creation(in: rows[3], hash: hash) : nil
        if earlier == id { earlier = nil }
        return (earlier, Set(try rows[0].decode(UserID.self)), try rows[1].one(as: Timestamp.self))
    }

    private static func blockers(_ newChat: NewChat) -> SQL {
        "SELECT user_id FROM blocks WHERE user_id = ANY(\(newChat.others)) AND other_id = \(newChat.creatorID) AND blocked"
    }

    private static func creation(_ key: String, _ user: UserID) -> SQL {
        """
        SELECT chat_id, request_hash FROM creations
        WHERE user_id = \(user) AND key = \(key) AND created_at >= clock_timestamp() - interval '24 hours'
        """
    }

    private static func creation(in rows: PostgresRows, hash: RequestHash) throws -> ChatID? {
        guard let (chat, earlier) = try rows.first(as: (ChatID, RequestHash).self) else { return nil }
        if earlier == hash { return chat }
        throw ServiceError.invalid("Idempotency-Key", "was used for another request within the last 24 hours")
    }

    private func insertCreation(_ key: String, _ user: UserID, _ chat: ChatID, _ hash: RequestHash) -> SQL {
        """
        INSERT INTO creations (user_id, key, chat_id, created_at, request_hash)
        VALUES (\(user), \(key), \(chat), \(SQL.clock), \(hash))
        ON CONFLICT (user_id, key) DO UPDATE
        SET chat_id = excluded.chat_id, created_at = excluded.created_at, request_hash = excluded.request_hash
        WHERE creations.created_at < clock_timestamp() - interval '24 hours'
        """
    }

    private func insertChat(_ newChat: NewChat, _ id: ChatID, _ now: Timestamp) -> SQL {
        """
        INSERT INTO chats (id, rev, created_by, created_at, updated_at, member_count, kind, title)
        VALUES (\(id), 1, \(newChat.creatorID), \(now), \(now), \(Int32(newChat.others.count + 1)), \(newChat.chatKind), \(newChat.title as String?))
        """
    }

    private func insertMembers(_ newChat: NewChat, _ id: ChatID, _ now: Timestamp) -> SQL {
        let members = newChat.members
        return """
            INSERT INTO members (chat_id, user_id, joined_seq, read_seq, delivered_seq, rev, joined_at, changed_at, role)
            SELECT \(id), m.user_id, 0, 0, 0, 1, \(now), \(now), m.role
            FROM unnest(\(members.map(\.userID)), \(members.map(\.role))) AS m (user_id, role)
            """
    }
}
