import Bus
import Contracts
import Postgres

/// A chat under its lock, with what ``GroupRules`` wants to know of two people in it.
struct LockedGroup: Sendable {
    let id: ChatID
    let title: String?
    let lastSeq: Int64
    let rev: Int64
    /// By the database's clock, under the lock.
    let now: Timestamp
    let rules: GroupRules
    let targetBlocksActor: Bool
    /// Who would own the group if the target left as its last owner.
    let heir: UserID?

    func outcome(_ kind: MemberChange.Kind, _ statements: [SQL], _ facts: [MemberChanged]) -> MemberChange {
        MemberChange(kind: kind, rev: rev + Int64(facts.count), facts: facts, statements: statements)
    }

    /// Begins `transaction` by locking the chat; what follows is read in a statement after that, whose snapshot shows all that was committed
    /// under the lock before.
    ///
    /// - Throws: `notFound` when there is no such chat; ``PostgresError``.
    static func read(
        _ id: ChatID, actor: UserID, target: UserID, in transaction: PostgresTransaction
    ) async throws -> LockedGroup {
        let rows = try await transaction.run([
            "SELECT kind, title, last_seq, rev, member_count FROM chats WHERE id = \(id) FOR NO KEY UPDATE",
            facts(id, actor, target),
        ])
        guard let (kind, title, lastSeq, rev, count) = try rows[0].first(as: (ChatKind, String?, Int64, Int64, Int).self) else {
            throw ServiceError.noSuchChat
        }
        let (now, actorRole, targetRole, targetLeft, isBlocked, otherOwner, heir) = try rows[1].one(as: FactRow.self)
        let rules = GroupRules(
            kind: kind, memberCount: count, actor: actorRole, target: targetRole, isSelf: actor == target, targetLeft: targetLeft,
            targetIsLastOwner: targetRole == .owner && !otherOwner)
        return LockedGroup(
            id: id, title: title, lastSeq: lastSeq, rev: rev, now: now, rules: rules, targetBlocksActor: isBlocked, heir: heir)
    }

    /// Always one row: the clock, both roles while they are members, whether the target was one, whether it blocks the actor, whether there is
    /// an owner besides it, and who comes after it.
    private static func facts(_ id: ChatID, _ actor: UserID, _ target: UserID) -> SQL {
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

private typealias FactRow = (Timestamp, ChatRole?, ChatRole?, Bool, Bool, Bool, UserID?)
