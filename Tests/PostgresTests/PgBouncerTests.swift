import Logging
import Postgres
import PostgresTesting
import TestSupport
import Testing

@Suite("Through PgBouncer in transaction mode", .enabled(if: PgBouncer.isInstalled), .timeLimit(.minutes(2)))
struct PgBouncerTests {
    @Test("concurrent statements and transactions work over few server connections")
    func everything() async throws {
        try await PgBouncer.with(connections: 2) { pool, _ in
            try await pool.execute("CREATE TABLE t (a bigint PRIMARY KEY, b text)")
            try await withThrowingTaskGroup { group in
                for number in 0..<200 {
                    group.addTask {
                        if number % 4 == 0 {
                            try await pool.transaction { transaction in
                                let one = try await transaction.one("SELECT \(number)", as: Int.self)
                                transaction.enqueue("INSERT INTO t VALUES (\(one), \("row \(one)"))")
                            }
                        } else {
                            let error = number % 4 == 1 ? PostgresError?.none : try await Self.fail(pool)
                            #expect(error == nil || error?.sqlState == .divisionByZero)
                            let back = try await pool.one("SELECT \(number), \("x\(number)")", as: (Int, String).self)
                            #expect(back == (number, "x\(number)"))
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await pool.one("SELECT count(*) FROM t", as: Int.self) == 50)
            #expect(try await pool.one("SELECT current_setting('statement_timeout')", as: String.self) == "20s")
        }
    }

    private static func fail(_ pool: PostgresPool) async throws -> PostgresError? {
        await #expect(throws: PostgresError.self) { try await pool.query("SELECT 1 / \(0)") }
    }

    @Test("COPY, batches and cancellation work")
    func special() async throws {
        try await PgBouncer.with { pool, _ in
            try await pool.execute("CREATE TABLE t (a bigint)")
            let copied = try await pool.copy(into: "t", columns: ["a"]) { copy in
                for number in 0..<20_000 { try await copy.row(number) }
            }
            #expect(copied == 20_000)
            let more = Array(20_000..<21_000)
            #expect(try await pool.execute("INSERT INTO t SELECT * FROM unnest(\(more))") == 1_000)
            try await pool.warm(1)
            let late = await #expect(throws: PostgresError.self) {
                try await pool.transaction(deadline: .now + .seconds(2)) { transaction in
                    try await transaction.execute("DELETE FROM t")
                    try await transaction.execute("SELECT pg_sleep(600)")
                }
            }
            #expect(late?.reason == .deadlineExceeded)
            #expect(try await pool.one("SELECT count(*) FROM t", as: Int.self) == 21_000)
        }
    }

    @Test("migrations bypass PgBouncer")
    func migrations() async throws {
        try await PgBouncer.with { pool, bouncer in
            bouncer.kill()
            let set = try MigrationSet([("0001_table", Array("CREATE TABLE made (a bigint)".utf8))])
            #expect(try await Migrator(set, pool.configuration, logger: Logger(label: "test")).run() == ["0001_table"])
            try bouncer.start()
            _ = try await eventually("an answer") { try? await pool.query("SELECT a FROM made").count }
        }
    }

    @Test("callers fail at once while the server is down, and the pool recovers by itself")
    func restart() async throws {
        try await PgBouncer.with { pool, bouncer in
            for _ in 0..<3 {
                _ = try await eventually("an answer") { try? await pool.query("SELECT 1").count }
                _ = try await eventually("a transaction") { try? await pool.transaction { try await $0.query("SELECT 1").count } }
                bouncer.kill()
                _ = try await eventually("the loss") { pool.isAvailable ? nil : true }
                for _ in 0..<100 {
                    let error = await #expect(throws: PostgresError.self) { try await pool.query("SELECT 1") }
                    #expect(error?.reason == .unavailable)
                    #expect(error?.mayHaveHappened == false)
                }
                try bouncer.start()
            }
            await pool.ready()
            #expect(try await pool.one("SELECT 7", as: Int.self) == 7)
        }
    }
}
