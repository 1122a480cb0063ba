import Bus
import Contracts
import Postgres

/// A locked chat, with the state of two users that ``GroupRules`` needs.
struct LockedGroup: Sendable {
    let id: ChatID
    let title: String?
    let lastSeq: Int64
    let rev: Int64
    /// The time of the database's clock, read under the lock.
    let now: Timestamp
    let rules: GroupRules
    let targetBlocksActor: Bool
    /// The member who becomes the owner if the target leaves as the last owner.
    let successor: UserID?

    /// Returns a change that takes one `rev` per event.
    func change(_ effect: MemberChange.Effect, statements: [SQL] = [], events: [MemberChanged] = []) -> MemberChange {
        MemberChange(effect: effect, rev: rev + Int64(events.count), events: events, statements: statements)
    }

    /// Locks the chat at the start of `transaction` and reads its state in the next statement, whose snapshot
    /// shows everything that earlier holders of the lock committed.
    ///
    /// - Throws: `notFound` if the chat does not exist; ``PostgresError``.
    static func read(
        _ id: ChatID, actor: UserID, target: UserID, in transaction: PostgresTransaction
    ) async throws -> LockedGroup {
        let rows = try await transaction.run([
            "SELECT kind, title, last_seq, rev, member_count FROM chats WHERE id = \(id) FOR NO KEY UPDATE",
            state(of: id, actor: actor, target: target),
        ])
        guard let (kind, title, lastSeq, rev, count) = try rows[0].first(as: (ChatKind, String?, Int64, Int64, Int).self) else {
            throw ServiceError.noSuchChat
        }
        let (now, actorRole, targetRole, targetLeft, isBlocked, otherOwner, successor) = try rows[1].one(as: StateRow.self)
        let rules = GroupRules(
            kind: kind, memberCount: count, actor: actorRole, target: targetRole, isSelf: actor == target, targetLeft: targetLeft,
            targetIsLastOwner: targetRole == .owner && !otherOwner)
        return LockedGroup(
            id: id, title: title, lastSeq: lastSeq, rev: rev, now: now, rules: rules, targetBlocksActor: isBlocked,
            successor: successor)
    }

    /// Selects exactly one row: the clock, the roles of actor and target as present members, whether the
    /// target has left, whether it blocks the actor, whether there is another owner, and the successor of the
    /// target.
    private static func state(of id: ChatID, actor: UserID, target: UserID) -> SQL {
        """
        SELECT \(SQL.clock), a.role, CASE WHEN t.left_seq IS NULL THEN t.role END, t.left_seq IS NOT NULL,
            EXISTS (SELECT FROM blocks WHERE user_id = \(target) AND other_id = \(actor) AND blocked),
            EXISTS (
                SELECT FROM members o
                WHERE o.chat_id = \(id) AND o.user_id <> \(target) AND o.left_seq IS NULL AND o.role = 'owner'),
            (SELECT h.user_id FROM members h WHERE h.chat_id = \(id) AND h.user_id <> \(target) AND h.left_seq IS NULL
                ORDER BY h.role = 'member', h.joined_at, h.user_id LIMIT 1)
        FROM (SELECT) AS one
        LEFT JOIN members a ON a.chat_id = \(id) AND a.user_id = \(actor) AND a.left_seq IS NULL
        LEFT JOIN members t ON t.chat_id = \(id) AND t.user_id = \(target)
        """
    }
}

private typealias StateRow = (Timestamp, ChatRole?, ChatRole?, Bool, Bool, Bool, UserID?)
