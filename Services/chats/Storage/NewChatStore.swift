import Bus
import Contracts
import Postgres

/// Creates chats: first the rows keyed by user, in repeatable steps, then the chat, in a transaction of its
/// own.
struct NewChatStore: Sendable {
    let database: PostgresPool
    let transactions: MembershipTransactions
    let outbox: Outbox

    enum Creation: Hashable, Sendable {
        case created
        /// Another request has created the chat.
        case exists
        /// An earlier request with the same `Idempotency-Key` has created this chat.
        case repeated(ChatID)
    }

    /// Returns the chat id that is reserved for the pair. The chat does not exist if its creation failed
    /// after that.
    func directChat(of pair: UserPair) async throws(PostgresError) -> ChatID? {
        try await database.reads.first(
            "SELECT chat_id FROM direct_pairs WHERE low_user = \(pair.low) AND high_user = \(pair.high)", as: ChatID.self)
    }

    /// Reserves `id` for the pair unless another id is reserved already.
    ///
    /// - Returns: the reserved id.
    func reserve(_ id: ChatID, for pair: UserPair) async throws(PostgresError) -> ChatID {
        let reserved = try await database.first(
            """
            INSERT INTO direct_pairs (low_user, high_user, chat_id) VALUES (\(pair.low), \(pair.high), \(id))
            ON CONFLICT DO NOTHING RETURNING chat_id
            """, as: ChatID.self)
        if let reserved { return reserved }
        guard let earlier = try await directChat(of: pair) else {
            throw PostgresError(.unexpectedResult, "the reservation of a pair disappeared")
        }
        return earlier
    }

    /// Adds a chat to the users' indexes before they become members. Has no effect until the chat lists them
    /// as members.
    func indexMemberships(of users: [UserID], in chat: ChatID) async throws(PostgresError) {
        try await database.execute(
            """
            INSERT INTO memberships (user_id, chat_id) SELECT u, \(chat) FROM unnest(\(users.sorted())) AS u ORDER BY u
            ON CONFLICT DO NOTHING
            """)
    }

    /// Reverts ``indexMemberships(of:in:)`` for a chat that will not be created. Rows that remain after a
    /// failure are harmless.
    func removeMemberships(of users: [UserID], in chat: ChatID) async {
        _ = try? await database.execute("DELETE FROM memberships WHERE user_id = ANY(\(users)) AND chat_id = \(chat)")
    }

    /// Returns the members who have blocked the creator.
    func blockers(_ newChat: NewChat) async throws(PostgresError) -> Set<UserID> {
        Set(try await database.query(Self.blockers(newChat), as: UserID.self))
    }

    /// Returns the chat that was created under an `Idempotency-Key` within the last 24 hours.
    ///
    /// - Throws: `invalid` if the key was used for a different request; ``PostgresError``.
    func creation(under key: String, by user: UserID, hash: RequestHash) async throws -> ChatID? {
        try Self.creation(
            in: try await database.reads.query(Self.creation(under: key, by: user)), hash: hash)
    }

    /// Inserts the chat, its members and the event of its creation.
    ///
    /// - Parameter hash: the hash of the request, stored with its `Idempotency-Key`.
    /// - Throws: `denied` if a member has blocked the creator; ``PostgresError``.
    func create(_ newChat: NewChat, id: ChatID, hash: RequestHash, deadline: ContinuousClock.Instant) async throws -> Creation {
        do {
            var event: OutboxEvent?
            let result = try await transactions.run(deadline: deadline) { transaction in
                let (earlier, blockers, now) = try await readState(newChat, id: id, hash: hash, in: transaction)
                if let earlier { return Creation.repeated(earlier) }
                try newChat.check(blockers: blockers)
                let created = try OutboxEvent(newChat.createdEvent(id: id, at: now))
                event = created
                try await transaction.commit([
                    insertChat(newChat, id: id, at: now), insertMembers(newChat, id: id, at: now), created.insert,
                ])
                return .created
            }
            if let event { outbox.committed([event]) }
            return result
        } catch let error as PostgresError where error.sqlState == .uniqueViolation && error.constraint == "chats_pkey" {
            return .exists
        }
    }

    /// Deletes idempotency keys older than 24 hours, 1,000 per statement, so that each statement ends well
    /// before its timeout.
    func deleteExpiredKeys() async throws(PostgresError) {
        var deleted: Int
        repeat {
            deleted = try await database.execute(
                """
                DELETE FROM creations WHERE (user_id, key) IN (
                    SELECT user_id, key FROM creations WHERE created_at < clock_timestamp() - interval '24 hours'
                    ORDER BY created_at LIMIT 1000)
                """)
        } while deleted > 0 && !Task.isCancelled
    }

    // MARK: Statements

    /// Reads what the decision depends on and claims the idempotency key. Of two concurrent requests with one
    /// key, the second waits for the first one's row and then finds it.
    private func readState(
        _ newChat: NewChat, id: ChatID, hash: RequestHash, in transaction: PostgresTransaction
    ) async throws -> (earlier: ChatID?, blockers: Set<UserID>, now: Timestamp) {
        var statements: [SQL] = [Self.blockers(newChat), "SELECT \(SQL.clock)"]
        if let key = newChat.idempotencyKey {
            statements.append(insertCreation(of: id, under: key, by: newChat.creatorID, hash: hash))
            statements.append(Self.creation(under: key, by: newChat.creatorID))
        }
        let rows = try await transaction.run(statements)
        var earlier = rows.count > 2 ? try Self.creation(in: rows[3], hash: hash) : nil
        if earlier == id { earlier = nil }
        return (earlier, Set(try rows[0].decode(UserID.self)), try rows[1].one(as: Timestamp.self))
    }

    private static func blockers(_ newChat: NewChat) -> SQL {
        "SELECT user_id FROM blocks WHERE user_id = ANY(\(newChat.others)) AND other_id = \(newChat.creatorID) AND blocked"
    }

    private static func creation(under key: String, by user: UserID) -> SQL {
        """
        SELECT chat_id, request_hash FROM creations
        WHERE user_id = \(user) AND key = \(key) AND created_at >= clock_timestamp() - interval '24 hours'
        """
    }

    private static func creation(in rows: PostgresRows, hash: RequestHash) throws -> ChatID? {
        guard let (chat, earlier) = try rows.first(as: (ChatID, RequestHash).self) else { return nil }
        if earlier == hash { return chat }
        throw ServiceError.invalid(
            "Idempotency-Key", "was used for a different request within the last 24 hours; choose a new one")
    }

    private func insertCreation(of chat: ChatID, under key: String, by user: UserID, hash: RequestHash) -> SQL {
        """
        INSERT INTO creations (user_id, key, chat_id, created_at, request_hash)
        VALUES (\(user), \(key), \(chat), \(SQL.clock), \(hash))
        ON CONFLICT (user_id, key) DO UPDATE
        SET chat_id = excluded.chat_id, created_at = excluded.created_at, request_hash = excluded.request_hash
        WHERE creations.created_at < clock_timestamp() - interval '24 hours'
        """
    }

    private func insertChat(_ newChat: NewChat, id: ChatID, at now: Timestamp) -> SQL {
        """
        INSERT INTO chats (id, rev, created_by, created_at, updated_at, member_count, kind, title)
        VALUES (\(id), 1, \(newChat.creatorID), \(now), \(now), \(Int32(newChat.others.count + 1)), \(newChat.chatKind), \(newChat.title as String?))
        """
    }

    private func insertMembers(_ newChat: NewChat, id: ChatID, at now: Timestamp) -> SQL {
        let members = newChat.members
        return """
            INSERT INTO members (chat_id, user_id, joined_seq, read_seq, delivered_seq, rev, joined_at, changed_at, role)
            SELECT \(id), m.user_id, 0, 0, 0, 1, \(now), \(now), m.role
            FROM unnest(\(members.map(\.userID)), \(members.map(\.role))) AS m (user_id, role)
            """
    }
}
