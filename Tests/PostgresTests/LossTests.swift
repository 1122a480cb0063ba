import Postgres
import PostgresTesting
import TestSupport
import Testing

@Suite("Lost connections", .timeLimit(.minutes(2))) struct LossTests {
    @Test("after a killed shared session, statements in flight may have happened, and the pool recovers")
    func shared() async throws {
        try await TestDatabase.with { pool in
            var configuration = pool.configuration
            configuration.sharedConnections = 2
            let lock = Lock()
            try await TestDatabase.running(configuration) { victim in
                try await lock.hold(pool) {
                    let tasks = (0..<6).map { _ in Task { try await victim.query(lock.wait) } }
                    let waiting = try await lock.waiters(pool, atLeast: 2)
                    try await pool.terminate(waiting)
                    for task in tasks {
                        let error = await #expect(throws: PostgresError.self) { try await task.value }
                        #expect(error?.reason == .connectionLost)
                        #expect(error?.mayHaveHappened == true)
                    }
                }
                _ = try await eventually("an answer") { try? await victim.one("SELECT 1", as: Int.self) }
                _ = try await eventually("both connections") { await victim.statistics.sharedConnected == 2 ? true : nil }
                #expect(victim.isAvailable)
            }
        }
    }

    @Test(
        "a read is sent once more on another session, and a second loss has changed nothing",
        arguments: [1, 2])
    func read(losses: Int) async throws {
        try await TestDatabase.with { pool in
            var configuration = pool.configuration
            configuration.sharedConnections = 2
            let lock = Lock()
            try await TestDatabase.running(configuration) { victim in
                _ = try await eventually("both connections") { await victim.statistics.sharedConnected == 2 ? true : nil }
                let task = try await lock.hold(pool) {
                    let task = Task { try await victim.reads.one("SELECT 7 FROM (\(lock.wait)) AS held", as: Int32.self) }
                    var killed: [Int32] = []
                    for _ in 0..<losses {
                        // Sessions killed earlier may still be terminating.
                        let next = try await eventually("another session") {
                            try await lock.waiters(pool).first { !killed.contains($0) }
                        }
                        try await pool.terminate([next])
                        killed.append(next)
                    }
                    return task
                }
                guard losses == 2 else { #expect(try await task.value == 7); return }
                let error = await #expect(throws: PostgresError.self) { try await task.value }
                #expect(error?.reason == .connectionLost)
                #expect(error?.mayHaveHappened == false)
            }
        }
    }

    @Test("killed idle sessions are replaced")
    func idle() async throws {
        try await TestDatabase.with { pool in
            var configuration = pool.configuration
            configuration.applicationName = TestStack.uniqueName("app")
            configuration.sharedConnections = 3
            try await TestDatabase.running(configuration) { victim in
                try await victim.transaction { try await $0.execute("SELECT 1") }
                for _ in 0..<3 {
                    _ = try await eventually("all connected") { await victim.statistics.sharedConnected == 3 ? true : nil }
                    try await pool.terminate(application: configuration.applicationName)
                    _ = try await eventually("loss noticed") { await victim.statistics.sharedConnected < 3 ? true : nil }
                    _ = try await eventually("an answer") { try? await victim.one("SELECT 1", as: Int.self) }
                    _ = try await eventually("a transaction") {
                        try? await victim.transaction { try await $0.query("SELECT 1").one(as: Int.self) }
                    }
                }
            }
        }
    }

    @Test("nothing happened when a session is killed before COMMIT")
    func beforeCommit() async throws {
        try await TestDatabase.with { pool in
            try await pool.execute("CREATE TABLE t (a bigint)")
            let lock = Lock()
            try await lock.hold(pool) {
                let task = Task {
                    try await pool.transaction { transaction in
                        try await transaction.execute("INSERT INTO t VALUES (1)")
                        try await transaction.execute(lock.wait)
                    }
                }
                try await pool.terminate(lock.waiters(pool))
                let error = await #expect(throws: PostgresError.self) { try await task.value }
                #expect(error?.reason == .connectionLost)
                #expect(error?.mayHaveHappened == false)
            }
            #expect(try await pool.one("SELECT count(*) FROM t", as: Int.self) == 0)
        }
    }

    @Test("a transaction may have happened when its session is killed during COMMIT", arguments: [false, true])
    func duringCommit(inOneFlight: Bool) async throws {
        try await TestDatabase.with { pool in
            let lock = Lock()
            try await waitAtCommit(pool)
            try await lock.hold(pool) {
                let task = Task {
                    try await pool.transaction { transaction in
                        if inOneFlight {
                            transaction.enqueue("INSERT INTO t VALUES (\(lock.key))")
                        } else {
                            try await transaction.execute("INSERT INTO t VALUES (\(lock.key))")
                        }
                    }
                }
                try await pool.terminate(lock.waiters(pool))
                let error = await #expect(throws: PostgresError.self) { try await task.value }
                #expect(error?.reason == .connectionLost)
                #expect(error?.mayHaveHappened == true)
            }
        }
    }

    @Test("a transaction may have happened when it is cancelled during COMMIT")
    func cancelledDuringCommit() async throws {
        try await TestDatabase.with { pool in
            let lock = Lock()
            try await waitAtCommit(pool)
            try await lock.hold(pool) {
                let task = Task { try await pool.transaction { $0.enqueue("INSERT INTO t VALUES (\(lock.key))") } }
                _ = try await lock.waiters(pool)
                task.cancel()
                let error = await #expect(throws: PostgresError.self) { try await task.value }
                #expect(error?.reason == .cancelled)
                #expect(error?.mayHaveHappened == true)
                try await lock.deserted(pool)
            }
            #expect(try await pool.one("SELECT count(*) FROM t", as: Int.self) == 0)
        }
    }

    /// Creates a table whose rows wait at commit for the lock that they name.
    private func waitAtCommit(_ pool: PostgresPool) async throws {
        _ = try await pool.atomically([
            "CREATE TABLE t (lock bigint)",
            """
            CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_advisory_xact_lock(NEW.lock); RETURN NULL; END $$
            """,
            """
            CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION wait()
            """,
        ])
    }
}
