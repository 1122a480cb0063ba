import Contracts
import Postgres

/// The present load of the members, and the load curve of the last week.
struct LoadStore: Sendable {
    let database: PostgresPool

    struct CurrentLoad: Hashable, Sendable {
        var load: FleetLoad
        /// The number of members with a heartbeat in the last 5 s that are not leaving.
        var reporting: Int
        /// By the database's clock.
        var secondsSinceEpoch: Int
    }

    func current() async throws(PostgresError) -> CurrentLoad {
        let row = try await database.reads.one(
            """
            SELECT coalesce(sum(connections), 0)::double precision, coalesce(sum(cpu), 0), coalesce(sum(outbound_bytes), 0),
                count(*) FILTER (WHERE NOT is_leaving), extract(epoch FROM clock_timestamp())::bigint
            FROM members WHERE beat_at > clock_timestamp() - interval '5 s'
            """, as: (Double, Double, Double, Int, Int).self)
        return CurrentLoad(
            load: FleetLoad(connections: row.0, cpu: row.1, outboundBytes: row.2), reporting: row.3, secondsSinceEpoch: row.4)
    }

    func curve() async throws(PostgresError) -> LoadCurve {
        let rows = try await database.reads.query(
            "SELECT slot, connections, cpu, outbound_bytes FROM load_curve", as: (Int, Double, Double, Double).self)
        return LoadCurve(
            Dictionary(uniqueKeysWithValues: rows.map { ($0, FleetLoad(connections: $1, cpu: $2, outboundBytes: $3)) }))
    }

    /// Records the highest load of each slot, and deletes slots that are older than a week.
    func record(_ load: FleetLoad, in slot: Int) async throws(PostgresError) {
        _ = try await database.atomically([
            """
            INSERT INTO load_curve AS c (slot, connections, cpu, outbound_bytes)
            VALUES (\(slot), \(load.connections), \(load.cpu), \(load.outboundBytes))
            ON CONFLICT (slot) DO UPDATE SET
                connections = greatest(c.connections, excluded.connections), cpu = greatest(c.cpu, excluded.cpu),
                outbound_bytes = greatest(c.outbound_bytes, excluded.outbound_bytes)
            """,
            "DELETE FROM load_curve WHERE slot < \(slot - LoadCurve.days * LoadCurve.slotsPerDay)",
        ])
    }
}
