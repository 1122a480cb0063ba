import Contracts
import Postgres

extension RoutingStore {
    /// Another one leads, the assignment is not what it was, or somebody who was taken for dead has spoken since. Nothing was written.
    struct Outdated: Error {}

    func table(partitionCount: Int) async throws(PostgresError) -> RoutingTable {
        // The epoch first: had another one written meanwhile, it would be another epoch's table, and nothing could be written after it.
        let rows = try await database.reads.atomically([
            "SELECT epoch FROM routing", "SELECT instance, incarnation, serve FROM assignments",
            """
            SELECT previous_instance, previous_incarnation, next_instance, next_incarnation, since, committed_at, partitions
            FROM handovers
            """,
        ])
        let epoch = try rows[0].one(as: Int64.self)
        var granted: [MemberID: PartitionSet] = [:]
        for (instance, incarnation, serve) in try rows[1].decode((String, String, PartitionSet).self) where !serve.isEmpty {
            granted[MemberID(instance: instance, incarnation: incarnation)] = serve
        }
        var handovers: [Int: Handover] = [:]
        for row in try rows[2].decode((String?, String?, String, String, Int64, Int64?, PartitionSet).self) {
            let handover = Handover(
                previous: MemberID(row.0, row.1), next: MemberID(instance: row.2, incarnation: row.3), since: row.4,
                step: row.5.map { .committed(at: $0) } ?? .prepared)
            for partition in row.6.members { handovers[partition] = handover }
        }
        return RoutingTable(partitionCount: partitionCount, epoch: epoch, granted: granted, handovers: handovers)
    }

    /// Writes all of it or nothing.
    ///
    /// - Throws: ``Outdated``; ``PostgresError``, which may have happened.
    func write(_ change: LeaderState.Change, by instance: String) async throws {
        try await database.transaction(deadline: .now + .seconds(2)) { transaction in
            let rows = try await transaction.run([
                """
                UPDATE routing SET epoch = \(change.after.epoch)
                WHERE holder = \(instance) AND term = \(change.term) AND epoch = \(change.before.epoch)
                """,
                Self.forget(change.dead),
            ])
            guard rows[0].affectedCount == 1, rows[1].affectedCount == change.dead.count else { throw Outdated() }
            try await transaction.commit(Self.assignments(change) + Self.handovers(change))
        }
    }

    private static func forget(_ dead: [MemberWatch.Pulse]) -> SQL {
        """
        DELETE FROM members m
        USING unnest(\(dead.map(\.id.instance)), \(dead.map(\.id.incarnation)), \(dead.map(\.beats)))
            AS d (instance, incarnation, beats)
        WHERE m.instance = d.instance AND m.incarnation = d.incarnation AND m.beats = d.beats
        """
    }

    /// Only what changes.
    private static func assignments(_ change: LeaderState.Change) -> [SQL] {
        let (before, after) = (change.before.entries, change.after.entries)
        let names = Set(after.keys.map(\.instance))
        let gone = Set(before.keys.map(\.instance)).subtracting(names)
        let changed = after.filter { before[$0.key] != $0.value }
        let (ids, entries) = (Array(changed.keys), Array(changed.values))
        return [
            "DELETE FROM assignments WHERE instance = ANY(\(Array(gone)))",
            """
            INSERT INTO assignments AS a (instance, incarnation, url, bind, serve, route)
            SELECT * FROM unnest(
                \(ids.map(\.instance)), \(ids.map(\.incarnation)), \(ids.map { change.members[$0]?.url ?? "" }),
                \(entries.map(\.bind.description)), \(entries.map(\.serve.description)), \(entries.map(\.route.description)))
            ON CONFLICT (instance) DO UPDATE SET
                incarnation = excluded.incarnation, url = excluded.url, bind = excluded.bind, serve = excluded.serve,
                route = excluded.route
            """,
        ]
    }

    private static func handovers(_ change: LeaderState.Change) -> [SQL] {
        if change.before.handovers == change.after.handovers { return [] }
        let groups = Dictionary(grouping: change.after.handovers, by: \.value).mapValues { PartitionSet($0.map(\.key)) }
        let (handovers, partitions) = (Array(groups.keys), Array(groups.values))
        return [
            "DELETE FROM handovers",
            """
            INSERT INTO handovers (
                previous_instance, previous_incarnation, next_instance, next_incarnation, since, committed_at, partitions)
            SELECT * FROM unnest(
                \(handovers.map(\.previous?.instance)), \(handovers.map(\.previous?.incarnation)),
                \(handovers.map(\.next.instance)), \(handovers.map(\.next.incarnation)), \(handovers.map(\.since)),
                \(handovers.map(\.step.epoch)), \(partitions.map(\.description)))
            """,
        ]
    }
}

extension MemberID {
    fileprivate init?(_ instance: String?, _ incarnation: String?) {
        guard let instance, let incarnation else { return nil }
        self.init(instance: instance, incarnation: incarnation)
    }
}

extension Handover.Step {
    fileprivate var epoch: Int64? {
        switch self {
        case .prepared: nil
        case .committed(let epoch): epoch
        }
    }
}
