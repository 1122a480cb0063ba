import Contracts
import Postgres

/// The leader row, the members and the assignment in Postgres.
struct RoutingStore: Sendable {
    let database: PostgresPool

    /// The leader row.
    struct Leader: Hashable, Sendable {
        var holder: String
        var term: Int64
        var epoch: Int64
        /// It has not run out, by the database's clock.
        var isLed: Bool
        var members: Int
    }

    /// What this deployment was first started with.
    ///
    /// - Parameter count: held for ever if this is the first start.
    func partitionCount(atFirst count: Int) async throws(PostgresError) -> Int {
        let rows = try await database.atomically([
            "INSERT INTO deployment (partition_count) VALUES (\(Int32(count))) ON CONFLICT DO NOTHING",
            "SELECT partition_count FROM deployment",
        ])
        return try rows[1].one(as: Int.self)
    }

    // MARK: Leading

    /// Takes the leader row under the next term, if it has run out, or was ours already.
    ///
    /// - Returns: our term; `nil` when another one leads.
    func take(_ instance: String, for lease: Duration) async throws(PostgresError) -> Int64? {
        // A row that is held for longer than anybody may hold it was written before the server's clock was set back.
        try await database.first(
            """
            UPDATE routing SET holder = \(instance), term = term + 1, held_until = clock_timestamp() + \(lease.milliseconds) * interval '1 ms'
            WHERE held_until < clock_timestamp() OR holder = \(instance)
                OR held_until > clock_timestamp() + \(2 * lease.milliseconds) * interval '1 ms'
            RETURNING term
            """, as: Int64.self)
    }

    /// - Returns: whether the term is still ours.
    func renew(_ instance: String, term: Int64, for lease: Duration) async throws(PostgresError) -> Bool {
        try await database.execute(
            """
            UPDATE routing SET held_until = clock_timestamp() + \(lease.milliseconds) * interval '1 ms'
            WHERE holder = \(instance) AND term = \(term)
            """) == 1
    }

    /// Lets another one lead at once.
    func release(_ instance: String, term: Int64) async throws(PostgresError) {
        try await database.execute(
            "UPDATE routing SET held_until = '-infinity' WHERE holder = \(instance) AND term = \(term)")
    }

    func leader() async throws(PostgresError) -> Leader {
        let row = try await database.reads.one(
            "SELECT holder, term, epoch, held_until >= clock_timestamp(), (SELECT count(*) FROM members) FROM routing",
            as: (String, Int64, Int64, Bool, Int).self)
        return Leader(holder: row.0, term: row.1, epoch: row.2, isLed: row.3, members: row.4)
    }

    // MARK: What members said

    /// All members; what they said only of those whose last news are not `known`.
    func sightings(known: [String: Int64]) async throws(PostgresError) -> [LeaderState.Sighting] {
        let (names, news) = (Array(known.keys), Array(known.values))
        let rows = try await database.reads.query(
            """
            SELECT m.instance, m.beats, m.news, d.incarnation, d.url, d.epoch, d.bound, d.served, d.is_leaving
            FROM members m LEFT JOIN unnest(\(names), \(news)) AS k (instance, news) ON k.instance = m.instance
            LEFT JOIN members d ON d.instance = m.instance AND k.news IS DISTINCT FROM m.news
            """, as: (String, Int64, Int64, String?, String?, Int64?, PartitionSet?, PartitionSet?, Bool?).self)
        return rows.map { instance, beats, news, incarnation, url, epoch, bound, served, isLeaving in
            var sighting = LeaderState.Sighting(instance: instance, beats: beats, news: news)
            if let incarnation, let url, let epoch, let bound, let served, let isLeaving {
                let id = MemberID(instance: instance, incarnation: incarnation)
                sighting.member = MemberReport(id: id, url: url, epoch: epoch, bound: bound, served: served, isLeaving: isLeaving)
            }
            return sighting
        }
    }

    // MARK: The routes

    func epoch() async throws(PostgresError) -> Int64 {
        try await database.reads.one("SELECT epoch FROM routing", as: Int64.self)
    }

    /// As they are now.
    func routes() async throws(PostgresError) -> WrittenRoutes {
        let rows = try await database.reads.query(
            """
            SELECT r.epoch, d.partition_count, a.instance, a.url, a.route FROM routing r CROSS JOIN deployment d
            LEFT JOIN assignments a ON TRUE ORDER BY a.instance
            """, as: (Int64, Int, String?, String?, String?).self)
        guard let (epoch, count, _, _, _) = rows.first else {
            throw PostgresError(.unexpectedResult, "the deployment was never started")
        }
        let instances = rows.compactMap { row -> WrittenRoutes.Instance? in
            guard let name = row.2, let url = row.3, let partitions = row.4 else { return nil }
            return WrittenRoutes.Instance(name: name, url: url, partitions: partitions)
        }
        return WrittenRoutes(epoch: epoch, partitionCount: count, instances: instances)
    }
}
