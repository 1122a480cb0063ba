import Bus
import Contracts
import Postgres

/// Takes heartbeats and answers what is stored for whoever sent them: one round trip, through any instance of `config`.
struct HeartbeatStore: Sendable {
    let database: PostgresPool

    struct Answer: Sendable {
        var epoch: Int64
        var bind: PartitionSet
        var serve: PartitionSet
        /// The member had something to say that it had not said before.
        var isNews: Bool
    }

    /// - Returns: `nil` when it is older than what is known: of an earlier start of the process, or from before an epoch that it has followed since.
    func beat(_ heartbeat: Heartbeat) async throws(PostgresError) -> Answer? {
        // The second statement must not see less than the first one found: it has a snapshot of its own, taken once the row is ours. Whatever the leader
        // has decided of this member, who must have held the row to take it for dead, is in it.
        // Nobody needs a heartbeat after a crash of the server, so nobody waits for it to be on disk.
        let rows = try await database.atomically([
            "SELECT set_config('synchronous_commit', 'off', true)", Self.record(heartbeat),
            """
            SELECT r.epoch, coalesce(a.bind, ''), coalesce(a.serve, '') FROM routing r
            LEFT JOIN assignments a ON a.instance = \(heartbeat.instance) AND a.incarnation = \(heartbeat.incarnation)
            """,
        ])
        guard let isNews = try rows[1].first(as: Bool.self) else { return nil }
        let (epoch, bind, serve) = try rows[2].one(as: (Int64, PartitionSet, PartitionSet).self)
        return Answer(epoch: epoch, bind: bind, serve: serve, isNews: isNews)
    }

    private static func record(_ heartbeat: Heartbeat) -> SQL {
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
