import Logging
import Postgres
import PostgresTesting
import TestSupport
import Testing

@Suite("Migrations", .timeLimit(.minutes(2))) struct MigratorTests {
    private func migrator(_ pool: PostgresPool, _ scripts: String...) throws -> Migrator {
        let files = scripts.enumerated().map { ("000\($0.offset + 1)_step", Array($0.element.utf8)) }
        return Migrator(try MigrationSet(files), pool.configuration, logger: Logger(label: "test"))
    }

    @Test("each file is applied once, in its own transaction, and recorded")
    func once() async throws {
        try await TestDatabase.with { pool in
            let first = try migrator(pool, "CREATE TABLE a (x bigint); INSERT INTO a VALUES (1);")
            #expect(try await first.run() == ["0001_step"])
            let second = try migrator(
                pool, "CREATE TABLE a (x bigint); INSERT INTO a VALUES (1);", "INSERT INTO a SELECT x + 1 FROM a;")
            #expect(try await second.run() == ["0002_step"])
            #expect(try await second.run() == [])
            #expect(try await pool.query("SELECT x FROM a ORDER BY x", as: Int.self) == [1, 2])
            let rows = try await pool.query(
                "SELECT number, name, length(checksum), applied_at <= now() FROM migrations ORDER BY 1",
                as: (Int, String, Int, Bool).self)
            #expect(rows.map(\.0) == [1, 2])
            #expect(rows.allSatisfy { $0.2 == 32 && $0.3 })
        }
    }

    @Test("two at once take turns; nothing is done twice")
    func concurrently() async throws {
        try await TestDatabase.with { pool in
            let migrator = try migrator(
                pool, "CREATE TABLE a (x bigint); SELECT pg_sleep(0.2);", "INSERT INTO a VALUES (1); SELECT pg_sleep(0.2);",
                "-- martlet:no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS a_x ON a (x)")
            let names = try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<4 { group.addTask { try await migrator.run() } }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(names == ["0001_step", "0002_step", "0003_step"])
            #expect(try await pool.one("SELECT count(*) FROM a", as: Int.self) == 1)
        }
    }

    @Test("a failure half-way leaves what came before and nothing of itself; the mended file goes on from there")
    func halfWay() async throws {
        try await TestDatabase.with { pool in
            let broken = try migrator(pool, "CREATE TABLE a ()", "CREATE TABLE b (); SELECT 1/0;", "CREATE TABLE c ()")
            let error = await #expect(throws: MigrationError.self) { try await broken.run() }
            guard case .failed(name: "0002_step", _)? = error else { Issue.record("\(String(describing: error))"); return }
            #expect(try await tables(pool) == ["a", "migrations"])
            #expect(
                try await migrator(pool, "CREATE TABLE a ()", "CREATE TABLE b ()", "CREATE TABLE c ()").run() == [
                    "0002_step", "0003_step",
                ])
            #expect(try await tables(pool) == ["a", "b", "c", "migrations"])
        }
    }

    private func tables(_ pool: PostgresPool) async throws -> [String] {
        try await pool.query("SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1", as: String.self)
    }

    @Test("a file that ends its transaction itself is not recorded as done")
    func ownCommit() async throws {
        try await TestDatabase.with { pool in
            await #expect(throws: MigrationError.self) { try await migrator(pool, "CREATE TABLE a (); COMMIT;").run() }
            let recorded = try await pool.one("SELECT count(*) FROM migrations", as: Int.self)
            #expect(recorded == 0)
        }
    }

    @Test("a database from the future and a changed file are left alone")
    func refusals() async throws {
        try await TestDatabase.with { pool in
            _ = try await migrator(pool, "CREATE TABLE a ()", "CREATE TABLE b ()").run()
            await #expect(throws: MigrationError.databaseFromTheFuture(number: 2, name: "0002_step")) {
                try await migrator(pool, "CREATE TABLE a ()").run()
            }
            await #expect(throws: MigrationError.changed(name: "0001_step")) {
                try await migrator(pool, "CREATE TABLE a (x bigint)", "CREATE TABLE b ()", "CREATE TABLE c ()").run()
            }
            #expect(try await tables(pool) == ["a", "b", "migrations"])
        }
    }

    @Test("a migration waits for a table's lock in short tries, and in the end gives up")
    func lockTimeout() async throws {
        try await TestDatabase.with { pool in
            try await pool.execute("CREATE TABLE a ()")
            var impatient = try migrator(pool, "ALTER TABLE a ADD COLUMN x bigint")
            impatient.lockTimeout = .milliseconds(20)
            impatient.attempts = 2
            var patient = impatient
            patient.attempts = 1_000
            let waiting = try await pool.transaction { holder in
                try await holder.execute("LOCK TABLE a")
                await #expect(throws: MigrationError.self) { try await impatient.run() }
                let (patient, waiting) = (patient, pool)
                let task = Task { try await patient.run() }
                _ = try await eventually("the migration waiting") {
                    try await waiting.query("SELECT 1 FROM pg_locks WHERE relation = 'a'::regclass AND NOT granted").first.map {
                        _ in true
                    }
                }
                return task
            }
            #expect(try await waiting.value == ["0001_step"])
        }
    }

    @Test("an index that was left invalid is made anew; one that is there is kept")
    func invalidIndex() async throws {
        try await TestDatabase.with { pool in
            try await pool.execute("CREATE TABLE a (x bigint)")
            try await pool.execute("INSERT INTO a VALUES (1), (1)")
            let migrator = try migrator(
                pool, "-- martlet:no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS a_x ON a (x)")
            await #expect(throws: MigrationError.self) { try await migrator.run() }
            #expect(try await isValid(pool) == false)
            try await pool.execute("TRUNCATE a")
            #expect(try await migrator.run() == ["0001_step"])
            #expect(try await isValid(pool) == true)
            try await pool.execute("DELETE FROM migrations")
            #expect(try await migrator.run() == ["0001_step"])
        }
    }

    private func isValid(_ pool: PostgresPool) async throws -> Bool {
        try await pool.one("SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_x'::regclass", as: Bool.self)
    }

    @Test("two statements without a transaction are refused with the reason")
    func twoStatements() async throws {
        try await TestDatabase.with { pool in
            try await pool.execute("CREATE TABLE a (x bigint)")
            let migrator = try migrator(
                pool, "-- martlet:no-transaction\nSELECT 1; CREATE INDEX CONCURRENTLY IF NOT EXISTS a_x ON a (x)")
            let error = await #expect(throws: MigrationError.self) { try await migrator.run() }
            #expect(error?.description.contains("one statement alone") == true)
        }
    }

    @Test("while another holds the lock it waits, is cancelled at once, or gives up")
    func lockedOut() async throws {
        try await TestDatabase.with { pool in
            let migrator = try migrator(pool, "CREATE TABLE a ()")
            let key: SQL = "hashtextextended('martlet.migrations.' || current_schema(), 0)"
            try await pool.transaction { holder in
                try await holder.execute("SELECT pg_advisory_xact_lock(\(key))")
                var impatient = migrator
                impatient.lockWaitLimit = .zero
                await #expect(throws: MigrationError.lockedOut(.zero)) { try await impatient.run() }
                let task = Task { try await migrator.run() }
                task.cancel()
                await #expect(throws: MigrationError.cancelled) { try await task.value }
            }
            #expect(try await migrator.run() == ["0001_step"])
        }
    }

    @Test("a migration may take longer than the role's statements")
    func roleTimeout() async throws {
        try await TestDatabase.with { admin in
            try await OwnRole.with(admin, statementTimeout: "100ms") { role in
                var migrator = try migrator(admin, "CREATE TABLE a (); SELECT pg_sleep(0.5)")
                migrator.configuration.user = role
                migrator.configuration.password = OwnRole.password
                #expect(try await migrator.run() == ["0001_step"])
            }
        }
    }

    @Test(
        "cancelled, it stops what the server does, and nothing of that migration stays",
        arguments: ["", "-- martlet:no-transaction\n"])
    func cancelled(marker: String) async throws {
        try await TestDatabase.with { pool in
            let lock = Lock()
            let migrator = try migrator(pool, "CREATE TABLE a ()", "\(marker)SELECT pg_advisory_xact_lock(\(lock.key))")
            try await lock.hold(pool) {
                let task = Task { try await migrator.run() }
                _ = try await lock.waiters(pool)
                task.cancel()
                await #expect(throws: MigrationError.cancelled) { try await task.value }
                try await lock.deserted(pool)
            }
            #expect(try await pool.query("SELECT name FROM migrations", as: String.self) == ["0001_step"])
            #expect(try await migrator.run() == ["0002_step"])
        }
    }

    @Test("a server that is away is said to be away")
    func away() async throws {
        var configuration = TestDatabase.configuration()
        configuration.address.port = 1
        let migrator = Migrator(try MigrationSet([]), configuration, logger: Logger(label: "test"))
        let error = await #expect(throws: MigrationError.self) { try await migrator.run() }
        guard case .unavailable? = error else { Issue.record("\(String(describing: error))"); return }
    }
}
