import Bus
import Contracts
import Postgres

/// Records heartbeats and returns the sender's assignment in the same round trip. Any instance of `config`
/// can do so.
struct HeartbeatStore: Sendable {
    let database: PostgresPool

    /// The result of a recorded heartbeat.
    struct Recorded: Sendable {
        var epoch: Int64
        var bind: PartitionSet
        var serve: PartitionSet
        /// The report differs from the member's previous one.
        var reportChanged: Bool
    }

    /// - Returns: `nil` for an outdated heartbeat: of an earlier run of the process, or with a lower epoch
    ///   than recorded.
    func record(_ heartbeat: Heartbeat) async throws(PostgresError) -> Recorded? {
        // The last statement takes its snapshot after the INSERT has locked the member's row. The leader
        // locks the same row to delete a dead member, so the answer includes every decision that the leader
        // made about this member. A heartbeat is worthless after a crash of the server, so the commit does
        // not wait for the disk.
        let rows = try await database.atomically([
            "SELECT set_config('synchronous_commit', 'off', true)", Self.statement(heartbeat),
            """
            SELECT r.epoch, coalesce(a.bind, ''), coalesce(a.serve, '') FROM routing r
            LEFT JOIN assignments a ON a.instance = \(heartbeat.instance) AND a.incarnation = \(heartbeat.incarnation)
            """,
        ])
        guard let reportChanged = try rows[1].first(as: Bool.self) else { return nil }
        let (epoch, bind, serve) = try rows[2].one(as: (Int64, PartitionSet, PartitionSet).self)
        return Recorded(epoch: epoch, bind: bind, serve: serve, reportChanged: reportChanged)
    }

    private static func statement(_ heartbeat: Heartbeat) -> SQL {
        """
        INSERT INTO members AS m (
            instance, incarnation, url, epoch, bound, served, is_leaving, connections, cpu, outbound_bytes)
        VALUES (
            \(heartbeat.instance), \(heartbeat.incarnation), \(heartbeat.url), \(heartbeat.epoch), \(heartbeat.bound),
            \(heartbeat.served), \(heartbeat.isLeaving), \(heartbeat.load.connections), \(heartbeat.load.cpu),
            \(heartbeat.load.outboundBytes))
        ON CONFLICT (instance) DO UPDATE SET
            incarnation = excluded.incarnation, url = excluded.url, epoch = excluded.epoch, bound = excluded.bound,
            served = excluded.served, is_leaving = excluded.is_leaving, connections = excluded.connections,
            cpu = excluded.cpu, outbound_bytes = excluded.outbound_bytes, beats = m.beats + 1, beat_at = clock_timestamp(),
            former = CASE WHEN m.incarnation = excluded.incarnation THEN m.former ELSE m.incarnation END,
            news = CASE WHEN
                (m.incarnation, m.url, m.epoch, m.bound, m.served, m.is_leaving) IS DISTINCT FROM
                (excluded.incarnation, excluded.url, excluded.epoch, excluded.bound, excluded.served, excluded.is_leaving)
                THEN m.beats + 1 ELSE m.news END
        WHERE m.former IS DISTINCT FROM excluded.incarnation
            AND (m.incarnation <> excluded.incarnation OR m.epoch <= excluded.epoch)
        RETURNING m.beats = m.news
        """
    }
}
