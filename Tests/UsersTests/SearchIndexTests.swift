import Contracts
import Postgres
import Testing

@testable import Users

@Suite("Index of the user search") struct SearchIndexTests {
    private static let people = 300

    @Test(
        "narrows every accepted search",
        arguments: [
            "art", "Änne Ü", "100%", "00%", #"k\s"#, "a b", "ab.", ".a.", ".%ab", "tom_", "x_y", "_abc", "%ab", "_a_", "李小龙",
            "١٢٣",
        ])
    func narrow(text: String) async throws {
        let query = try SearchQuery(text)
        try await withPeople { database async throws in
            #expect(try await read(by: SearchQuery.pattern(query.text), in: database) < Self.people)
        }
    }

    @Test("cannot narrow the refused searches", arguments: ["...", "---", "   ", "%%%", "a_%", "a..", "🜂🜁🜂"])
    func refused(text: String) async throws {
        #expect(throws: ValidationError.self) { try SearchQuery(text) }
        try await withPeople { database async throws in
            #expect(try await read(by: SearchQuery.pattern(text), in: database) == Self.people)
        }
    }

    @Test("is used by the statement of a search")
    func statement() async throws {
        let search = ProfileStore.search(try SearchQuery("mara"), after: nil, limit: try PageLimit(20))
        try await withPeople { database async throws in
            #expect(try await plan(of: search, in: database).contains { $0.contains("Bitmap Index Scan on profiles_search") })
        }
    }

    private func withPeople(_ body: (PostgresPool) async throws -> Void) async throws {
        try await World.with { world async throws in
            _ = try await world.database.atomically([
                """
                INSERT INTO accounts (id, username, password_hash, created_at, password_changed_at)
                SELECT n, 'qqq' || n, 'x', now(), now() FROM generate_series(1, \(Self.people)) n
                """,
                """
                INSERT INTO profiles (user_id, username, display_name, search_text, created_at)
                SELECT id, username, 'Qqq', username || ' qqq', created_at FROM accounts
                """,
            ])
            try await body(world.database)
        }
    }

    /// Returns the number of rows that the index gives for a pattern.
    private func read(by pattern: String, in database: PostgresPool) async throws -> Int {
        let plan = try await plan(of: "SELECT user_id FROM profiles WHERE search_text LIKE \(pattern) ESCAPE '\\'", in: database)
        let scan = try #require(plan.first { $0.contains("Bitmap Index Scan on profiles_search") })
        return try #require(scan.firstMatch(of: /actual rows=(\d+)/).flatMap { Int($0.1) })
    }

    /// Disables sequential scans, which the planner prefers for so few users.
    private func plan(of sql: SQL, in database: PostgresPool) async throws -> [String] {
        try await database.transaction { transaction in
            transaction.enqueue("SET LOCAL enable_seqscan = off")
            transaction.enqueue("SET LOCAL enable_indexscan = off")
            return try await transaction.query("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) \(sql)")
                .decode(String.self)
        }
    }
}
