import Bus
import Contracts
import Postgres

/// Stores the members of groups and their titles.
struct MemberStore: Sendable {
    let database: PostgresPool
    let transactions: MembershipTransactions
    let outbox: Outbox

    /// Returns the present members in the order of joining.
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

    /// Adds a user to a group or changes a member's role.
    ///
    /// - Parameter isKnown: whether the caller has checked that the user exists. Adding a user requires the
    ///   check.
    /// - Returns: the change; `nil` if the rules permit adding the user but `isKnown` is false.
    /// - Throws: the refusals of ``GroupRules``; `denied` if the user has blocked the actor;
    ///   ``PostgresError``.
    func set(_ request: SetMember, isKnown: Bool, deadline: ContinuousClock.Instant) async throws -> MemberChange? {
        try await change(request.chatID, actor: request.userID, target: request.memberID, deadline: deadline) { group in
            switch try group.rules.set(request.role) {
            case .unchanged: return group.change(.none)
            case .add:
                if group.targetBlocksActor { throw ServiceError(.denied, "you cannot add this user") }
                guard isKnown else { return nil }
                return group.change(
                    .added, statements: [add(request, to: group)],
                    events: [group.event(.added, of: request.memberID, role: request.role, by: request.userID)])
            case .change:
                return group.change(
                    .changed, statements: [setRole(of: request.memberID, to: request.role, in: group)],
                    events: [group.event(.roleChanged, of: request.memberID, role: request.role, by: request.userID)])
            }
        }
    }

    /// Removes a member from a group. If the last owner leaves, the successor becomes an owner first.
    ///
    /// - Throws: the refusals of ``GroupRules``; ``PostgresError``.
    func remove(_ request: RemoveMember, deadline: ContinuousClock.Instant) async throws -> MemberChange? {
        try await change(request.chatID, actor: request.userID, target: request.memberID, deadline: deadline) { group in
            let removal = try group.rules.remove()
            guard removal != .unchanged, let role = group.rules.target else { return group.change(.none) }
            var (statements, events) = ([SQL](), [MemberChanged]())
            if removal == .removeAndHandOver, let successor = group.successor {
                statements.append(setRole(of: successor, to: .owner, in: group))
                events.append(group.event(.roleChanged, of: successor, role: .owner, by: request.userID))
            }
            let rev = Int64(events.count + 1)
            statements.append(
                """
                UPDATE members SET left_seq = \(group.lastSeq), rev = \(group.rev + rev), changed_at = \(group.now)
                WHERE chat_id = \(request.chatID) AND user_id = \(request.memberID)
                """)
            events.append(group.event(.removed, of: request.memberID, role: role, by: request.userID, rev: rev))
            return group.change(.removed, statements: statements, events: events)
        }
    }

    /// Changes the title of a group.
    ///
    /// - Returns: false if the group has this title already.
    /// - Throws: the refusals of ``GroupRules``; ``PostgresError``.
    func rename(_ request: UpdateChat, deadline: ContinuousClock.Instant) async throws -> Bool {
        var event: OutboxEvent?
        try await transactions.run(deadline: deadline) { transaction in
            let group = try await LockedGroup.read(request.chatID, actor: request.userID, target: request.userID, in: transaction)
            try group.rules.checkRename()
            // Compares bytes: `==` treats canonically equivalent texts as equal.
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
            if change.events.isEmpty {
                change.member = try await transaction.query(member(target, of: chat)).first(as: MemberRow.self).map(
                    Member.init(row:))
                return change
            }
            events = try change.events.map { try OutboxEvent($0) }
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
            member_count = member_count + \(Int32(change.effect.memberCountStep))
        WHERE id = \(group.id)
        """
    }

    /// Inserts or restores the membership. A user who rejoins sees only the messages sent from now on, with
    /// none unread.
    private func add(_ request: SetMember, to group: LockedGroup) -> SQL {
        """
        INSERT INTO members (chat_id, user_id, joined_seq, read_seq, delivered_seq, rev, joined_at, changed_at, role)
        VALUES (\(request.chatID), \(request.memberID), \(group.lastSeq), \(group.lastSeq), \(group.lastSeq), \(group.rev + 1),
            \(group.now), \(group.now), \(request.role))
        ON CONFLICT (chat_id, user_id) DO UPDATE
        SET joined_seq = excluded.joined_seq, left_seq = NULL, read_seq = excluded.read_seq, delivered_seq = excluded.delivered_seq,
            rev = excluded.rev, joined_at = excluded.joined_at, changed_at = excluded.changed_at, role = excluded.role
        """
    }

    private func setRole(of member: UserID, to role: ChatRole, in group: LockedGroup) -> SQL {
        """
        UPDATE members SET role = \(role), rev = \(group.rev + 1), changed_at = \(group.now)
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

/// A change to the members of a group.
struct MemberChange: Sendable {
    enum Effect: Hashable, Sendable {
        case none, added, changed, removed

        var memberCountStep: Int {
            switch self {
            case .none, .changed: 0
            case .added: 1
            case .removed: -1
            }
        }
    }

    let effect: Effect
    /// The chat's `rev` after the change.
    let rev: Int64
    let events: [MemberChanged]
    let statements: [SQL]
    /// The member whom the request names, if present after the change.
    var member: Member?
}

typealias MemberRow = (UserID, ChatRole, Timestamp, Int64, Int64)

extension Member {
    init(row: MemberRow) { self.init(userID: row.0, role: row.1, joinedAt: row.2, readSeq: row.3, deliveredSeq: row.4) }
}

extension LockedGroup {
    /// - Parameter rev: the position of the event among those of one change, from 1.
    fileprivate func event(
        _ change: MemberChanged.Change, of member: UserID, role: ChatRole, by actor: UserID, rev: Int64 = 1
    ) -> MemberChanged {
        MemberChanged(chatID: id, memberID: member, change: change, role: role, userID: actor, rev: self.rev + rev)
    }
}
