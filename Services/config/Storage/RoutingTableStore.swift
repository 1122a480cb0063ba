import Contracts
import Postgres

/// Nothing was written: another instance leads, the epoch has changed, or a member that was to be deleted
/// sent a heartbeat.
struct StaleLeaderError: Error {}

/// Reads and writes the routing table.
extension RoutingStore {
    func table(partitionCount: Int) async throws(PostgresError) -> RoutingTable {
        // The epoch is read first: if another leader writes between the statements, the later write fails by
        // the epoch.
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

    /// Writes the whole change or nothing.
    ///
    /// - Throws: ``StaleLeaderError``; ``PostgresError``, after which the change may have been written.
    func write(_ change: RoutingChange, by instance: String) async throws {
        try await database.transaction(deadline: .now + .seconds(2)) { transaction in
            let rows = try await transaction.run([
                """
                UPDATE routing SET epoch = \(change.after.epoch)
                WHERE holder = \(instance) AND term = \(change.term) AND epoch = \(change.before.epoch)
                """,
                Self.delete(change.dead),
            ])
            guard rows[0].affectedCount == 1, rows[1].affectedCount == change.dead.count else { throw StaleLeaderError() }
            try await transaction.commit(Self.assignments(change) + Self.handovers(change))
        }
    }

    private static func delete(_ dead: [MemberFailureDetector.HeartbeatCount]) -> SQL {
        """
        DELETE FROM members m
        USING unnest(\(dead.map(\.id.instance)), \(dead.map(\.id.incarnation)), \(dead.map(\.count)))
            AS d (instance, incarnation, beats)
        WHERE m.instance = d.instance AND m.incarnation = d.incarnation AND m.beats = d.beats
        """
    }

    /// Writes only the rows that change.
    private static func assignments(_ change: RoutingChange) -> [SQL] {
        let (before, after) = (change.before.assignments, change.after.assignments)
        let names = Set(after.keys.map(\.instance))
        let removed = Set(before.keys.map(\.instance)).subtracting(names)
        let changed = after.filter { before[$0.key] != $0.value }
        let (ids, assignments) = (Array(changed.keys), Array(changed.values))
        return [
            "DELETE FROM assignments WHERE instance = ANY(\(Array(removed)))",
            """
            INSERT INTO assignments AS a (instance, incarnation, url, bind, serve, route)
            SELECT * FROM unnest(
                \(ids.map(\.instance)), \(ids.map(\.incarnation)), \(ids.map { change.members[$0]?.url ?? "" }),
                \(assignments.map(\.bind.description)), \(assignments.map(\.serve.description)), \(assignments.map(\.route.description)))
            ON CONFLICT (instance) DO UPDATE SET
                incarnation = excluded.incarnation, url = excluded.url, bind = excluded.bind, serve = excluded.serve,
                route = excluded.route
            """,
        ]
    }

    private static func handovers(_ change: RoutingChange) -> [SQL] {
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
