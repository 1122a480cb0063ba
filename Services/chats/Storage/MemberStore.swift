import Bus
import Contracts
import Postgres

/// Who is in a chat, as what, how far they have read, and under what title.
struct MemberStore: Sendable {
    let database: PostgresPool
    let transactions: MembershipTransactions
    let outbox: Outbox

    /// Members in the order of joining.
    ///
    /// - Parameter limit: at most so many.
    func members(of chat: ChatID, after: PageCursor?, limit: Int) async throws(PostgresError) -> [Member] {
        let from = after ?? PageCursor(time: Timestamp(millisecondsSinceEpoch: 0), id: 0)
        return try await database.reads.query(
            """
            SELECT m.user_id, m.role, m.joined_at, m.read_seq, m.delivered_seq FROM members m
            WHERE m.chat_id = \(chat) AND m.left_seq IS NULL AND (m.joined_at, m.user_id) > (\(from.time), \(from.id))
            ORDER BY m.joined_at, m.user_id LIMIT \(limit)
            """, as: MemberRow.self
        ).map(Member.init(row:))
    }

    /// Puts somebody into a group or changes their role.
    ///
    /// - Parameters:
    ///   - isKnown: that the member exists was asked; whoever was in the chat before needs no asking.
    /// - Returns: the member now; `nil` when they would be added and nobody has asked yet whether they exist.
    /// - Throws: what ``GroupRules`` refuses, `denied` when they have blocked the actor; ``PostgresError``.
    func set(_ request: SetMember, isKnown: Bool, deadline: ContinuousClock.Instant) async throws -> MemberChange? {
        try await change(request.chatID, actor: request.userID, target: request.memberID, deadline: deadline) { group in
            switch try group.rules.set(request.role) {
            case .unchanged: return group.outcome(.none, [], [])
            case .add:
                if group.targetBlocksActor { throw ServiceError(.denied, "they do not want to be added by you") }
                guard isKnown else { return nil }
                return group.outcome(
                    .added, [add(request, group)],
                    [MemberChanged(request.memberID, .added, as: request.role, by: request.userID, group, rev: 1)])
            case .change:
                return group.outcome(
                    .changed, [setRole(request.memberID, request.role, group, rev: 1)],
                    [MemberChanged(request.memberID, .roleChanged, as: request.role, by: request.userID, group, rev: 1)])
            }
        }
    }

    /// Takes somebody out of a group. The last owner's leaving makes somebody else the owner first.
    ///
    /// - Throws: what ``GroupRules`` refuses; ``PostgresError``.
    func remove(_ request: RemoveMember, deadline: ContinuousClock.Instant) async throws -> MemberChange? {
        try await change(request.chatID, actor: request.userID, target: request.memberID, deadline: deadline) { group in
            let removal = try group.rules.remove()
            guard removal != .unchanged, let role = group.rules.target else { return group.outcome(.none, [], []) }
            var (statements, facts) = ([SQL](), [MemberChanged]())
            if removal == .removeAndHandOver, let heir = group.heir {
                statements.append(setRole(heir, .owner, group, rev: 1))
                facts.append(MemberChanged(heir, .roleChanged, as: .owner, by: request.userID, group, rev: 1))
            }
            let rev = Int64(facts.count + 1)
            statements.append(
                """
                UPDATE members SET left_seq = \(group.lastSeq), rev = \(group.rev + rev), changed_at = \(group.now)
                WHERE chat_id = \(request.chatID) AND user_id = \(request.memberID)
                """)
            facts.append(MemberChanged(request.memberID, .removed, as: role, by: request.userID, group, rev: rev))
            return group.outcome(.removed, statements, facts)
        }
    }

    /// - Returns: whether there was anything to change.
    /// - Throws: what ``GroupRules`` refuses; ``PostgresError``.
    func rename(_ request: UpdateChat, deadline: ContinuousClock.Instant) async throws -> Bool {
        var event: OutboxEvent?
        try await transactions.run(deadline: deadline) { transaction in
            let group = try await LockedGroup.read(request.chatID, actor: request.userID, target: request.userID, in: transaction)
            try group.rules.rename()
            // Not `==`, which takes different bytes for the same text.
            if let title = group.title, title.utf8.elementsEqual(request.title.utf8) { return }
            let renamed = try OutboxEvent(
                ChatUpdated(chatID: request.chatID, title: request.title, userID: request.userID, rev: group.rev + 1))
            event = renamed
            try await transaction.commit([
                """
                UPDATE chats SET title = \(request.title), rev = \(group.rev + 1), updated_at = greatest(updated_at, \(group.now))
                WHERE id = \(request.chatID)
                """, renamed.insert,
            ])
        }
        if let event { outbox.committed([event]) }
        return event != nil
    }

    // MARK: Changing members

    private func change(
        _ chat: ChatID, actor: UserID, target: UserID, deadline: ContinuousClock.Instant,
        _ decide: (LockedGroup) throws -> MemberChange?
    ) async throws -> MemberChange? {
        var events: [OutboxEvent] = []
        let change = try await transactions.run(deadline: deadline) { transaction -> MemberChange? in
            let group = try await LockedGroup.read(chat, actor: actor, target: target, in: transaction)
            guard var change = try decide(group) else { return nil }
            if change.facts.isEmpty {
                change.member = try await transaction.query(member(target, of: chat)).first(as: MemberRow.self).map(
                    Member.init(row:))
                return change
            }
            events = try change.facts.map { try OutboxEvent($0) }
            let rows = try await transaction.commit(
                change.statements + [update(group, change)] + events.map(\.insert) + [member(target, of: chat)])
            change.member = try rows.last?.first(as: MemberRow.self).map(Member.init(row:))
            return change
        }
        if !events.isEmpty { outbox.committed(events) }
        return change
    }

    private func update(_ group: LockedGroup, _ change: MemberChange) -> SQL {
        """
        UPDATE chats SET rev = \(change.rev), updated_at = greatest(updated_at, \(group.now)),
            member_count = member_count + \(Int32(change.kind.memberCountStep))
        WHERE id = \(group.id)
        """
    }

    /// Whoever comes back begins anew: with what is sent from now on, and nothing unread.
    private func add(_ request: SetMember, _ group: LockedGroup) -> SQL {
        """
        INSERT INTO members (chat_id, user_id, joined_seq, read_seq, delivered_seq, rev, joined_at, changed_at, role)
        VALUES (\(request.chatID), \(request.memberID), \(group.lastSeq), \(group.lastSeq), \(group.lastSeq), \(group.rev + 1),
            \(group.now), \(group.now), \(request.role))
        ON CONFLICT (chat_id, user_id) DO UPDATE
        SET joined_seq = excluded.joined_seq, left_seq = NULL, read_seq = excluded.read_seq, delivered_seq = excluded.delivered_seq,
            rev = excluded.rev, joined_at = excluded.joined_at, changed_at = excluded.changed_at, role = excluded.role
        """
    }

    private func setRole(_ member: UserID, _ role: ChatRole, _ group: LockedGroup, rev: Int64) -> SQL {
        """
        UPDATE members SET role = \(role), rev = \(group.rev + rev), changed_at = \(group.now)
        WHERE chat_id = \(group.id) AND user_id = \(member)
        """
    }

    private func member(_ user: UserID, of chat: ChatID) -> SQL {
        """
        SELECT m.user_id, m.role, m.joined_at, m.read_seq, m.delivered_seq FROM members m
        WHERE m.chat_id = \(chat) AND m.user_id = \(user) AND m.left_seq IS NULL
        """
    }
}

/// What became of somebody in a chat.
struct MemberChange: Sendable {
    enum Kind: Hashable, Sendable {
        case none, added, changed, removed

        var memberCountStep: Int {
            switch self {
            case .none, .changed: 0
            case .added: 1
            case .removed: -1
            }
        }
    }

    let kind: Kind
    /// Of the chat, after it.
    let rev: Int64
    let facts: [MemberChanged]
    let statements: [SQL]
    /// The one it was about, if they are in the chat now.
    var member: Member?
}

typealias MemberRow = (UserID, ChatRole, Timestamp, Int64, Int64)

extension Member {
    init(row: MemberRow) { self.init(userID: row.0, role: row.1, joinedAt: row.2, readSeq: row.3, deliveredSeq: row.4) }
}

extension MemberChanged {
    fileprivate init(
        _ member: UserID, _ change: Change, as role: ChatRole, by actor: UserID, _ group: LockedGroup, rev: Int64
    ) {
        self.init(chatID: group.id, memberID: member, change: change, role: role, userID: actor, rev: group.rev + rev)
    }
}
