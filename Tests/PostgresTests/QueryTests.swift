import Postgres
import PostgresTesting
import Testing

@Suite("Queries", .timeLimit(.minutes(2))) struct QueryTests {
    @Test("hostile values stay values")
    func injection() async throws {
        let hostile = ["'; DROP TABLE victims; --", "$1", "\\'; SELECT 1; --", "' OR '1'='1", "\u{202E}x", "%s%n", "E'\\x00'"]
        try await TestDatabase.with { pool in
            try await pool.execute("CREATE TABLE victims (name text)")
            for name in hostile {
                try await pool.execute("INSERT INTO victims VALUES (\(name))")
                #expect(try await pool.one("SELECT count(*) FROM victims WHERE name = \(name)", as: Int.self) == 1)
            }
            #expect(Set(try await pool.query("SELECT name FROM victims", as: String.self)) == Set(hostile))
        }
    }

    @Test("text with U+0000 is rejected before anything is sent")
    func zero() async throws {
        try await TestDatabase.with { pool in
            let error = await #expect(throws: PostgresError.self) { try await pool.execute("SELECT \("a\0b")") }
            #expect(error?.reason == .invalidParameter)
            #expect(error?.mayHaveHappened == false)
            #expect(await pool.statistics.inFlight == 0)
        }
    }

    @Test("errors contain the SQLSTATE and the constraint, but no values")
    func errors() async throws {
        try await TestDatabase.with { pool in
            try await pool.execute(
                "CREATE TABLE people (name text CONSTRAINT one_name UNIQUE, age int CONSTRAINT grown CHECK (age > 17))")
            try await pool.execute("INSERT INTO people VALUES ('secret', 20)")
            let cases: [(SQL, SQLState)] = [
                ("INSERT INTO people VALUES (\("secret"), 30)", .uniqueViolation),
                ("INSERT INTO people VALUES ('x', 3)", .checkViolation),
                ("SELECT 1 / \(0)", .divisionByZero),
                ("SELEC 1", .syntaxError),
                ("SELECT * FROM nowhere", .undefinedTable),
                ("SELECT nothing FROM people", .undefinedColumn),
                ("INSERT INTO people (age) VALUES (\(Int64.max))", .numericValueOutOfRange),
            ]
            for (sql, state) in cases {
                let error = await #expect(throws: PostgresError.self) { try await pool.query(sql) }
                #expect(error?.reason == .server)
                #expect(error?.sqlState == state)
                #expect(error?.mayHaveHappened == false)
                #expect(error?.description.contains("secret") == false)
                if state == .uniqueViolation { #expect(error?.constraint == "one_name") }
            }
        }
    }

    @Test("rows are decoded by position and by name, and the numbers of columns and rows are checked")
    func rows() async throws {
        try await TestDatabase.with { pool in
            let rows = try await pool.query("SELECT i AS id, 'row ' || i AS title FROM generate_series(1, 3) i")
            #expect(rows.columnNames == ["id", "title"])
            #expect(try rows.map { try $0.get("title", as: String.self) } == ["row 1", "row 2", "row 3"])
            #expect(try rows[2].decode((Int, String).self) == (3, "row 3"))
            #expect(throws: PostgresError.self) { try rows[0].decode(Int.self) }
            #expect(throws: PostgresError.self) { try rows[0].decode((Int, String, Int).self) }
            #expect(throws: PostgresError.self) { try rows[0].get("Title", as: String.self) }
            #expect(throws: PostgresError.self) { try rows.one(as: (Int, String).self) }
            #expect(throws: PostgresError.self) { try rows.first(as: (Int, String).self) }
            #expect(try await pool.first("SELECT 1 WHERE false", as: Int.self) == nil)
            #expect(try await pool.first("SELECT 1", as: Int.self) == 1)
        }
    }

    @Test("rows outlive their connection")
    func outlive() async throws {
        let rows = try await TestDatabase.with { pool in
            try await pool.query("SELECT repeat('x', 100000) FROM generate_series(1, 20)")
        }
        #expect(try rows.decode(String.self).allSatisfy { $0.count == 100_000 })
    }

    @Test("statements without rows report how many they changed")
    func affected() async throws {
        try await TestDatabase.with { pool in
            try await pool.execute("CREATE TABLE t (a bigint)")
            #expect(try await pool.execute("INSERT INTO t SELECT generate_series(1, 10)") == 10)
            #expect(try await pool.execute("UPDATE t SET a = a + 1 WHERE a > 4") == 6)
            #expect(try await pool.execute("DELETE FROM t") == 10)
            #expect(try await pool.execute("") == 0)
        }
    }

    @Test("huge values and many rows are transferred")
    func huge() async throws {
        try await TestDatabase.with { pool in
            let text = String(repeating: "martlet ", count: 1_000_000)
            async let back = pool.one("SELECT \(text)", as: String.self)
            async let length = pool.one("SELECT length(\(text))", as: Int.self)
            #expect(try await back == text)
            #expect(try await length == text.count)
            let numbers = try await pool.query(
                "SELECT i, repeat('y', 50) FROM generate_series(1, 200000) i", as: (Int, String).self)
            #expect(numbers.count == 200_000)
            #expect(numbers.last?.0 == 200_000)
        }
    }

    @Test("one statement inserts many rows")
    func unnest() async throws {
        try await TestDatabase.with { pool in
            try await pool.execute("CREATE TABLE messages (chat bigint, seq bigint, body text, reply bigint)")
            let seqs = Array(Int64(1)...5_000)
            let bodies = seqs.map { "message \($0)" }
            let replies = seqs.map { $0 % 3 == 0 ? $0 - 1 : nil }
            let count = try await pool.execute(
                """
                INSERT INTO messages (chat, seq, body, reply)
                SELECT 7, * FROM unnest(\(seqs), \(bodies), \(replies))
                """)
            #expect(count == 5_000)
            let read = try await pool.query(
                "SELECT seq, body, reply FROM messages ORDER BY seq", as: (Int64, String, Int64?).self)
            #expect(read.map(\.0) == seqs)
            #expect(read.map(\.1) == bodies)
            #expect(read.map(\.2) == replies)
            #expect(
                try await pool.one("SELECT count(*) FROM messages WHERE seq = ANY(\([Int64(3), 9, 99_999]))", as: Int.self) == 2)
        }
    }

    @Test("several statements in one round trip are one transaction")
    func atomically() async throws {
        try await TestDatabase.with { pool in
            _ = try await pool.atomically(["CREATE TABLE t (a bigint PRIMARY KEY)", "INSERT INTO t VALUES (1)"])
            let error = await #expect(throws: PostgresError.self) {
                try await pool.atomically(["INSERT INTO t VALUES (2)", "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (3)"])
            }
            #expect(error?.sqlState == .uniqueViolation)
            let rows = try await pool.atomically(["INSERT INTO t VALUES (4) RETURNING a", "SELECT a FROM t ORDER BY a"])
            #expect(try rows[0].one(as: Int.self) == 4)
            #expect(try rows[1].decode(Int.self) == [1, 4])
            #expect(try await pool.atomically([]).isEmpty)
        }
    }

    @Test(
        "a transaction cannot be opened on a shared connection",
        arguments: ["BEGIN", "START TRANSACTION"] as [StaticString])
    func begin(statement: StaticString) async throws {
        try await TestDatabase.with { pool in
            let error = await #expect(throws: PostgresError.self) { try await pool.execute(SQL(stringLiteral: statement)) }
            #expect(error?.reason == .connectionLost)
            await pool.ready()
            // Each statement runs in its own transaction.
            let first = try await pool.one("SELECT txid_current()", as: Int.self)
            let second = try await pool.one("SELECT txid_current()", as: Int.self)
            #expect(first < second)
        }
    }

    @Test("an error at commit is the statement's error")
    func deferred() async throws {
        try await TestDatabase.with { pool in
            try await pool.execute("CREATE TABLE t (a bigint CONSTRAINT late UNIQUE DEFERRABLE INITIALLY DEFERRED)")
            try await pool.execute("INSERT INTO t VALUES (1)")
            let error = await #expect(throws: PostgresError.self) { try await pool.execute("INSERT INTO t VALUES (1)") }
            #expect(error?.sqlState == .uniqueViolation)
            #expect(error?.mayHaveHappened == false)
            #expect(try await pool.one("SELECT count(*) FROM t", as: Int.self) == 1)
        }
    }
}
