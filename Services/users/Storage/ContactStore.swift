import Bus
import Contracts
import Postgres

/// Stores contacts and blocks. Every change of a pair happens under the lock of its row.
struct ContactStore: Sendable {
    let database: PostgresPool
    let outbox: Outbox

    /// Applies a step of `user` to the contact with the other user of `pair`.
    ///
    /// - Returns: the contact after the step, as `user` sees it; `nil` if there is none.
    /// - Throws: ``RelationshipError``; `notFound` when one of the two users does not exist.
    func apply(_ step: ChangeContact.Step, by user: UserID, in pair: UserPair, now: Timestamp) async throws -> Contact? {
        let (side, other) = (pair.side(of: user), pair.other(than: user))
        let record = try await change(pair, now: now) { relationship, rev throws(RelationshipError) in
            try relationship.apply(step, by: side)
            return [ContactChanged(userID: user, otherID: other, step: step, status: relationship.status(for: side), rev: rev)]
        }
        return record.relationship.status(for: side).map { Contact(userID: other, status: $0, since: record.since) }
    }

    /// Sets or lifts the block that `user` has put on the other user of `pair`.
    func setBlock(_ blocked: Bool, by user: UserID, in pair: UserPair, now: Timestamp) async throws {
        try await change(pair, now: now) { relationship, rev in
            relationship.setBlock(blocked, by: user, in: pair, rev: rev)
        }
    }

    /// Reads a pair under its lock, applies `rule`, and stores what has changed together with its events.
    @discardableResult
    private func change<Failure: Error>(
        _ pair: UserPair, now: Timestamp, _ rule: (inout Relationship, _ rev: Int64) throws(Failure) -> [any Event]
    ) async throws -> RelationshipRecord {
        var outboxEvents: [OutboxEvent] = []
        let record = try await transaction { transaction in
            var record = try await lock(pair, now: now, in: transaction)
            let before = record.relationship
            let events = try record.change(at: now, rule)
            if record.relationship == before {
                // A rollback removes the row that the lock inserted: a pair without history has none.
                if record.rev == 0 { throw NothingToStore(record: record) }
                return record
            }
            outboxEvents = try events.map { try OutboxEvent($0) }
            for sql in Self.statements(from: before, to: record, of: pair, now: now) { transaction.enqueue(sql) }
            for event in outboxEvents { transaction.enqueue(event.insert) }
            return record
        }
        outbox.committed(outboxEvents)
        return record
    }

    /// Rolls the transaction back.
    private struct NothingToStore: Error {
        let record: RelationshipRecord
    }

    private func transaction(
        _ body: (PostgresTransaction) async throws -> RelationshipRecord
    ) async throws -> RelationshipRecord {
        do {
            return try await database.transaction(body, orElse: { (nothing: NothingToStore) in nothing.record })
        } catch let error as PostgresError where error.sqlState == .foreignKeyViolation {
            throw ServiceError(.notFound, "there is no such user")
        }
    }

    /// Reads the blocks in a statement of their own: only a statement that starts after the lock was granted
    /// sees the commit of its last holder.
    private func lock(
        _ pair: UserPair, now: Timestamp, in transaction: PostgresTransaction
    ) async throws -> RelationshipRecord {
        let rows = try await transaction.run([
            """
            INSERT INTO connections (low_user, high_user, since) VALUES (\(pair.low), \(pair.high), \(now))
            ON CONFLICT (low_user, high_user) DO NOTHING
            """,
            """
            SELECT bond, since, rev FROM connections WHERE low_user = \(pair.low) AND high_user = \(pair.high) FOR UPDATE
            """,
            """
            SELECT user_id FROM blocks
            WHERE (user_id, other_id) IN ((\(pair.low), \(pair.high)), (\(pair.high), \(pair.low)))
            """,
        ])
        let (state, since, rev) = try rows[1].one(as: (RelationshipState, Timestamp, Int64).self)
        let blockers = Set(try rows[2].decode(UserID.self).map(pair.side(of:)))
        return RelationshipRecord(Relationship(state: state, blockers: blockers), since: since, rev: rev)
    }

    private static func statements(
        from before: Relationship, to after: RelationshipRecord, of pair: UserPair, now: Timestamp
    ) -> [SQL] {
        let (state, blockers) = (after.relationship.state, after.relationship.blockers)
        var statements: [SQL] = [
            """
            UPDATE connections SET bond = \(state), since = \(after.since), rev = \(after.rev)
            WHERE low_user = \(pair.low) AND high_user = \(pair.high)
            """
        ]
        for side in blockers.subtracting(before.blockers) {
            statements.append(
                "INSERT INTO blocks (user_id, other_id, since) VALUES (\(pair.user(side)), \(pair.user(side.other)), \(now))")
        }
        for side in before.blockers.subtracting(blockers) {
            statements.append("DELETE FROM blocks WHERE user_id = \(pair.user(side)) AND other_id = \(pair.user(side.other))")
        }
        return statements
    }
}

extension ContactStore {
    /// Returns contacts, newest first, and one more than `limit` when a page follows.
    func contacts(of user: UserID, after: PageCursor?, limit: PageLimit) async throws -> [Contact] {
        let (after, count) = (after ?? .newest, limit.count + 1)
        return try await database.reads.query(
            """
            SELECT other, bond, since FROM (
                (SELECT high_user AS other, bond, since FROM connections
                WHERE low_user = \(user) AND bond <> 'none' AND (since, high_user) < (\(after.time), \(after.id))
                ORDER BY since DESC, high_user DESC LIMIT \(count))
                UNION ALL
                (SELECT low_user, bond, since FROM connections
                WHERE high_user = \(user) AND bond <> 'none' AND (since, low_user) < (\(after.time), \(after.id))
                ORDER BY since DESC, low_user DESC LIMIT \(count))
            ) AS both_sides ORDER BY since DESC, other DESC LIMIT \(count)
            """, as: (UserID, RelationshipState, Timestamp).self
        ).compactMap { other, state, since in
            Relationship(state: state).status(for: user < other ? .low : .high)
                .map { Contact(userID: other, status: $0, since: since) }
        }
    }

    /// Returns blocks, newest first, and one more than `limit` when a page follows.
    func blocks(of user: UserID, after: PageCursor?, limit: PageLimit) async throws -> [Block] {
        let after = after ?? .newest
        return try await database.reads.query(
            """
            SELECT other_id, since FROM blocks WHERE user_id = \(user) AND (since, other_id) < (\(after.time), \(after.id))
            ORDER BY since DESC, other_id DESC LIMIT \(limit.count + 1)
            """, as: (UserID, Timestamp).self
        ).map { Block(userID: $0.0, since: $0.1) }
    }
}

extension RelationshipState: PostgresRepresentable {
    package var postgresValue: String {
        switch self {
        case .none: "none"
        case .invited(by: .low): "lowInvited"
        case .invited(by: .high): "highInvited"
        case .connected: "connected"
        }
    }

    package init(postgresValue: String) throws(PostgresError) {
        switch postgresValue {
        case "none": self = .none
        case "lowInvited": self = .invited(by: .low)
        case "highInvited": self = .invited(by: .high)
        case "connected": self = .connected
        default: throw PostgresError(.unexpectedResult, "the column bond holds an unknown state")
        }
    }
}
