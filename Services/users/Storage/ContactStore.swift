import Bus
import Contracts
import Postgres

/// Ties and blocks between two people. All that is done to a pair is done under its row's lock.
struct ContactStore: Sendable {
    let database: PostgresPool
    let outbox: Outbox

    /// Takes a step between `user` and the other one of `pair`.
    ///
    /// - Returns: the tie after it, as `user` sees it.
    /// - Throws: ``Tie/Refusal``; `notFound` when one of the two does not exist.
    func take(_ step: ChangeContact.Step, by user: UserID, in pair: UserPair, now: Timestamp) async throws -> Contact? {
        let (side, other) = (pair.side(of: user), pair.other(than: user))
        let tie = try await change(pair, now: now) { tie, rev throws(Tie.Refusal) in
            try tie.take(step, by: side)
            return [ContactChanged(userID: user, otherID: other, step: step, status: tie.status(for: side), rev: rev)]
        }
        return tie.value.status(for: side).map { Contact(userID: other, status: $0, since: tie.since) }
    }

    /// Sets or lifts the block of the other one of `pair` by `user`.
    func setBlock(_ blocked: Bool, by user: UserID, in pair: UserPair, now: Timestamp) async throws {
        try await change(pair, now: now) { tie, rev in tie.block(blocked, by: user, in: pair, rev: rev) }
    }

    /// Reads a pair under its lock, lets `rule` decide, and stores what has changed with the facts that tell of it. Nothing is stored when nothing has.
    @discardableResult
    private func change<Refusal: Error>(
        _ pair: UserPair, now: Timestamp, _ rule: (inout Tie, _ rev: Int64) throws(Refusal) -> [any Event]
    ) async throws -> StoredTie {
        var events: [OutboxEvent] = []
        let tie = try await transaction { transaction in
            var tie = try await lock(pair, now: now, in: transaction)
            let before = tie.value
            let facts = try tie.change(at: now, rule)
            if tie.value == before {
                // The lock made the row: two who have never had anything to do with one another have none.
                if tie.rev == 0 { throw Nothing(tie: tie) }
                return tie
            }
            events = try facts.map { try OutboxEvent($0) }
            for sql in Self.statements(from: before, to: tie, of: pair, now: now) { transaction.enqueue(sql) }
            for event in events { transaction.enqueue(event.insert) }
            return tie
        }
        outbox.committed(events)
        return tie
    }

    /// There is nothing between the two, and nothing to store.
    private struct Nothing: Error {
        let tie: StoredTie
    }

    private func transaction(_ body: (PostgresTransaction) async throws -> StoredTie) async throws -> StoredTie {
        do {
            return try await database.transaction(body, orElse: { (nothing: Nothing) in nothing.tie })
        } catch let error as PostgresError where error.sqlState == .foreignKeyViolation {
            throw ServiceError(.notFound, "there is no such user")
        }
    }

    /// The blocks are read by a statement of their own: only one that begins after the lock was given sees what its last holder committed.
    private func lock(_ pair: UserPair, now: Timestamp, in transaction: PostgresTransaction) async throws -> StoredTie {
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
        let (bond, since, rev) = try rows[1].one(as: (Tie.Bond, Timestamp, Int64).self)
        let blockers = Set(try rows[2].decode(UserID.self).map(pair.side(of:)))
        return StoredTie(value: Tie(bond: bond, blockers: blockers), since: since, rev: rev)
    }

    private static func statements(from before: Tie, to after: StoredTie, of pair: UserPair, now: Timestamp) -> [SQL] {
        var statements: [SQL] = [
            """
            UPDATE connections SET bond = \(after.value.bond), since = \(after.since), rev = \(after.rev)
            WHERE low_user = \(pair.low) AND high_user = \(pair.high)
            """
        ]
        for side in after.value.blockers.subtracting(before.blockers) {
            statements.append(
                "INSERT INTO blocks (user_id, other_id, since) VALUES (\(pair.user(side)), \(pair.user(side.other)), \(now))")
        }
        for side in before.blockers.subtracting(after.value.blockers) {
            statements.append("DELETE FROM blocks WHERE user_id = \(pair.user(side)) AND other_id = \(pair.user(side.other))")
        }
        return statements
    }
}

extension ContactStore {
    /// Newest first, one more than `limit` if there are.
    func connections(of user: UserID, after: PageCursor?, limit: PageLimit) async throws -> [Contact] {
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
            """, as: (UserID, Tie.Bond, Timestamp).self
        ).compactMap { other, bond, since in
            Tie(bond: bond).status(for: user < other ? .low : .high).map { Contact(userID: other, status: $0, since: since) }
        }
    }

    /// Newest first, one more than `limit` if there are.
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

extension Tie.Bond: PostgresRepresentable {
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
        default: throw PostgresError(.unexpectedResult, "what is stored is no bond")
        }
    }
}
