import Postgres
import PostgresTesting
import TestSupport
import Testing

@Suite("Pipelining", .timeLimit(.minutes(2))) struct PipelineTests {
    @Test("every caller gets its own answer, and an error affects no other caller", arguments: [1, 2])
    func neighbours(connections: Int) async throws {
        try await TestDatabase.with(configure: { $0.sharedConnections = connections }) { pool in
            try await withThrowingTaskGroup { group in
                for number in 0..<600 {
                    group.addTask { try await Self.ask(pool, number) }
                }
                try await group.waitForAll()
            }
            #expect(await pool.statistics.inFlight == 0)
        }
    }

    /// Runs one of several statements, some of which fail at different stages.
    private static func ask(_ pool: PostgresPool, _ number: Int) async throws {
        switch number % 6 {
        case 0: await expectError(.divisionByZero, from: "SELECT 1 / (\(number) - \(number))", pool)
        case 1: await expectError(.undefinedColumn, from: "SELECT missing_column FROM pg_class", pool)
        case 2:
            let rows = try await pool.atomically(["SELECT \(number)", "SELECT \(number + 1)"])
            #expect(try rows.map { try $0.one(as: Int.self) } == [number, number + 1])
        case 3:
            let error = await #expect(throws: PostgresError.self) {
                try await pool.atomically(["SELECT \(number)", "SELECT \("x")::text::int", "SELECT never_prepared()"])
            }
            #expect(error?.sqlState?.errorClass == "22")
        default:
            let text = String(repeating: "z", count: number)
            #expect(try await pool.one("SELECT \(number), \(text)", as: (Int, String).self) == (number, text))
        }
    }

    private static func expectError(_ state: SQLState, from sql: SQL, _ pool: PostgresPool) async {
        let error = await #expect(throws: PostgresError.self) { try await pool.query(sql) }
        #expect(error?.sqlState == state)
    }

    @Test("statements of one caller execute in the order in which they are awaited")
    func order() async throws {
        try await TestDatabase.with { pool in
            try await pool.execute("CREATE TABLE log (id bigserial, who bigint, step bigint)")
            try await withThrowingTaskGroup { group in
                for who in 0..<8 {
                    group.addTask {
                        for step in 0..<25 { try await pool.execute("INSERT INTO log (who, step) VALUES (\(who), \(step))") }
                    }
                }
                try await group.waitForAll()
            }
            for who in 0..<8 {
                let steps = try await pool.query("SELECT step FROM log WHERE who = \(who) ORDER BY id", as: Int.self)
                #expect(steps == Array(0..<25))
            }
        }
    }

    @Test("more statements than the cache holds still work, and the server keeps no more than that")
    func bounded() async throws {
        try await TestDatabase.with(configure: { $0.statementCacheSize = 5 }) { pool in
            for round in 0..<3 {
                for count in 1...12 {
                    var sql: SQL = "SELECT 0"
                    for _ in 0..<count { sql += " + \(round)" }
                    let sum = try await pool.one(sql, as: Int.self)
                    #expect(sum == count * round)
                }
            }
            // The asking statement is included, and the last evicted one may not be deallocated yet.
            #expect(try await pool.one("SELECT count(*) FROM pg_prepared_statements", as: Int.self) <= 6)
        }
    }

    @Test("a table change under a prepared statement is invisible to the caller")
    func planChanges() async throws {
        try await TestDatabase.with { pool in
            try await pool.execute("CREATE TABLE t (a bigint)")
            try await pool.execute("INSERT INTO t VALUES (1)")
            func all() async throws -> Int { try await pool.query("SELECT * FROM t").columnNames.count }
            #expect(try await all() == 1)
            try await pool.execute("ALTER TABLE t ADD COLUMN b text")
            #expect(try await all() == 2)
            try await pool.execute("DEALLOCATE ALL")
            #expect(try await all() == 2)
        }
    }

    @Test("without named statements, statements work and none stays prepared")
    func unnamed() async throws {
        try await TestDatabase.with { pool in
            var configuration = pool.configuration
            configuration.namedStatements = false
            try await TestDatabase.running(configuration) { unnamed in
                try await withThrowingTaskGroup { group in
                    for number in 0..<100 {
                        group.addTask {
                            let back = try await unnamed.one("SELECT \(number)", as: Int.self)
                            #expect(back == number)
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(try await unnamed.one("SELECT count(*) FROM pg_prepared_statements", as: Int.self) == 0)
            }
        }
    }
}
