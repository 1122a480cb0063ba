import Contracts
import Postgres

/// The leader row.
struct LeaderRow: Hashable, Sendable {
    var holder: String
    var term: Int64
    var epoch: Int64
    /// Whether the lease is valid by the database's clock.
    var isLed: Bool
    /// The number of members.
    var members: Int
}

/// The leader row, the members and the assignments in Postgres.
struct RoutingStore: Sendable {
    let database: PostgresPool

    /// Returns the number of partitions of this deployment.
    ///
    /// - Parameter count: stored permanently at the first start of the deployment.
    func partitionCount(storing count: Int) async throws(PostgresError) -> Int {
        let rows = try await database.atomically([
            "INSERT INTO deployment (partition_count) VALUES (\(Int32(count))) ON CONFLICT DO NOTHING",
            "SELECT partition_count FROM deployment",
        ])
        return try rows[1].one(as: Int.self)
    }

    // MARK: The leader row

    /// Acquires the leader row under the next term if it has expired or belongs to this instance already.
    ///
    /// - Returns: the new term; `nil` when another instance leads.
    func acquire(_ instance: String, for lease: Duration) async throws(PostgresError) -> Int64? {
        // A row that expires later than any valid lease was written before the server's clock was set back.
        try await database.first(
            """
            UPDATE routing SET holder = \(instance), term = term + 1, held_until = clock_timestamp() + \(lease.milliseconds) * interval '1 ms'
            WHERE held_until < clock_timestamp() OR holder = \(instance)
                OR held_until > clock_timestamp() + \(2 * lease.milliseconds) * interval '1 ms'
            RETURNING term
            """, as: Int64.self)
    }

    /// Returns whether the term is still the current one.
    func renew(_ instance: String, term: Int64, for lease: Duration) async throws(PostgresError) -> Bool {
        try await database.execute(
            """
            UPDATE routing SET held_until = clock_timestamp() + \(lease.milliseconds) * interval '1 ms'
            WHERE holder = \(instance) AND term = \(term)
            """) == 1
    }

    /// Ends the lease on the leader row, so that another instance can acquire it at once.
    func release(_ instance: String, term: Int64) async throws(PostgresError) {
        try await database.execute(
            "UPDATE routing SET held_until = '-infinity' WHERE holder = \(instance) AND term = \(term)")
    }

    func leader() async throws(PostgresError) -> LeaderRow {
        let row = try await database.reads.one(
            "SELECT holder, term, epoch, held_until >= clock_timestamp(), (SELECT count(*) FROM members) FROM routing",
            as: (String, Int64, Int64, Bool, Int).self)
        return LeaderRow(holder: row.0, term: row.1, epoch: row.2, isLed: row.3, members: row.4)
    }

    // MARK: Members

    /// Returns the rows of all members.
    ///
    /// - Parameter known: report versions by instance; reports of these versions are left out.
    func members(known: [String: Int64]) async throws(PostgresError) -> [MemberRow] {
        let (names, versions) = (Array(known.keys), Array(known.values))
        let rows = try await database.reads.query(
            """
            SELECT m.instance, m.beats, m.news, d.incarnation, d.url, d.epoch, d.bound, d.served, d.is_leaving
            FROM members m LEFT JOIN unnest(\(names), \(versions)) AS k (instance, news) ON k.instance = m.instance
            LEFT JOIN members d ON d.instance = m.instance AND k.news IS DISTINCT FROM m.news
            """, as: (String, Int64, Int64, String?, String?, Int64?, PartitionSet?, PartitionSet?, Bool?).self)
        return rows.map { instance, heartbeats, version, incarnation, url, epoch, bound, served, isLeaving in
            var row = MemberRow(instance: instance, heartbeats: heartbeats, reportVersion: version)
            if let incarnation, let url, let epoch, let bound, let served, let isLeaving {
                let id = MemberID(instance: instance, incarnation: incarnation)
                row.report = MemberReport(id: id, url: url, epoch: epoch, bound: bound, served: served, isLeaving: isLeaving)
            }
            return row
        }
    }

    // MARK: Routes

    func epoch() async throws(PostgresError) -> Int64 {
        try await database.reads.one("SELECT epoch FROM routing", as: Int64.self)
    }

    func routes() async throws(PostgresError) -> EncodedRoutes {
        let rows = try await database.reads.query(
            """
            SELECT r.epoch, d.partition_count, a.instance, a.url, a.route FROM routing r CROSS JOIN deployment d
            LEFT JOIN assignments a ON TRUE ORDER BY a.instance
            """, as: (Int64, Int, String?, String?, String?).self)
        guard let (epoch, count, _, _, _) = rows.first else {
            throw PostgresError(.unexpectedResult, "the number of partitions is not stored")
        }
        let instances = rows.compactMap { row -> EncodedRoutes.Instance? in
            guard let name = row.2, let url = row.3, let partitions = row.4 else { return nil }
            return EncodedRoutes.Instance(name: name, url: url, partitions: partitions)
        }
        return EncodedRoutes(epoch: epoch, partitionCount: count, instances: instances)
    }
}

/// Stored as ranges, in the format of ``PartitionSet/description``.
extension PartitionSet: PostgresRepresentable {
    package var postgresValue: String { description }
    package init(postgresValue: String) throws(PostgresError) {
        guard let set = PartitionSet(postgresValue) else {
            throw PostgresError(.unexpectedResult, "the stored value is not a set of partitions")
        }
        self = set
    }
}
