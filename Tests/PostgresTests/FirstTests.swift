import Postgres
import PostgresTesting
import Testing

@Suite("Postgres", .timeLimit(.minutes(1))) struct FirstTests {
    @Test("a statement answers")
    func first() async throws {
        try await TestDatabase.with { pool in
            #expect(try await pool.one("SELECT \(1) + \(2), \("x")", as: (Int, String).self) == (3, "x"))
            try await pool.execute("CREATE TABLE t (a bigint primary key, b text)")
            let ids = [1, 2, 3]
            #expect(try await pool.execute("INSERT INTO t SELECT i, NULL FROM unnest(\(ids)) i") == 3)
            await #expect(throws: PostgresError.self) { try await pool.execute("INSERT INTO t VALUES (1)") }
            let n = try await pool.transaction { tx in
                tx.enqueue("INSERT INTO t VALUES (4, 'd')")
                return try await tx.query("SELECT count(*) FROM t").one(as: Int.self)
            }
            #expect(n == 4)
            #expect(try await pool.query("SELECT a, b FROM t ORDER BY a", as: (Int64, String?).self).count == 4)
        }
    }
}
