import Postgres
import PostgresTesting
import TestSupport
import Testing

@Suite("Cancellation and deadlines", .timeLimit(.minutes(2))) struct CancellationTests {
    @Test("a shared statement continues when its caller is cancelled; the caller returns at once and others are served")
    func shared() async throws {
        try await TestDatabase.with { pool in
            try await pool.execute("CREATE TABLE t (a bigint)")
            let lock = Lock()
            var configuration = pool.configuration
            configuration.sharedConnections = 2
            try await TestDatabase.running(configuration) { victim in
                _ = try await eventually("both connections") { await victim.statistics.sharedConnected == 2 ? true : nil }
                try await lock.hold(pool) {
                    let task = Task {
                        try await victim.execute("INSERT INTO t SELECT 1 FROM (SELECT pg_advisory_xact_lock(\(lock.key))) held")
                    }
                    _ = try await lock.waiters(pool)
                    task.cancel()
                    let error = await #expect(throws: PostgresError.self) { try await task.value }
                    #expect(error?.reason == .cancelled)
                    #expect(error?.mayHaveHappened == true)
                    #expect(try await victim.one("SELECT 5", as: Int.self) == 5)
                    let read = Task { try await victim.reads.query(lock.wait) }
                    _ = try await lock.waiters(pool, atLeast: 2)
                    read.cancel()
                    let harmless = await #expect(throws: PostgresError.self) { try await read.value }
                    #expect(harmless?.reason == .cancelled)
                    #expect(harmless?.mayHaveHappened == false)
                }
                _ = try await eventually("the row of the abandoned statement") {
                    try await pool.query("SELECT a FROM t", as: Int.self).first
                }
                // A commit may be visible before the connection has read its confirmation.
                _ = try await eventually("nothing in flight") { await victim.statistics.inFlight == 0 ? true : nil }
            }
        }
    }

    @Test("the answer to an abandoned statement is dropped, and later callers get their own answers")
    func abandoned() async throws {
        try await TestDatabase.with { pool in
            for number in 0..<200 {
                let task = Task { try await pool.one("SELECT \(-number)", as: Int.self) }
                if number % 2 == 0 { await Task.yield() }
                task.cancel()
                let own = try await pool.one("SELECT \(number)", as: Int.self)
                #expect(own == number)
                if case .failure(let error) = await task.result { #expect((error as? PostgresError)?.reason == .cancelled) }
            }
        }
    }

    @Test("a caller that is already cancelled sends nothing")
    func before() async throws {
        try await TestDatabase.with { pool in
            try await pool.execute("CREATE TABLE t (a bigint)")
            let task = Task {
                while !Task.isCancelled { await Task.yield() }
                try await pool.execute("INSERT INTO t VALUES (1)")
            }
            task.cancel()
            let error = await #expect(throws: PostgresError.self) { try await task.value }
            #expect(error?.reason == .cancelled)
            #expect(error?.mayHaveHappened == false)
            #expect(try await pool.one("SELECT count(*) FROM t", as: Int.self) == 0)
        }
    }

    @Test("statement_timeout bounds an abandoned statement")
    func statementTimeout() async throws {
        try await TestDatabase.with { pool in
            var configuration = pool.configuration
            configuration.statementTimeout = .milliseconds(100)
            try await TestDatabase.running(configuration) { victim in
                let error = await #expect(throws: PostgresError.self) { try await victim.query("SELECT pg_sleep(600)") }
                #expect(error?.sqlState == .queryCanceled)
                #expect(error?.mayHaveHappened == false)
                #expect(error?.isUnavailable == false)
            }
        }
    }

    @Test("cancelling a transaction stops it on the server and rolls it back")
    func exclusive() async throws {
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
                _ = try await lock.waiters(pool)
                task.cancel()
                let error = await #expect(throws: PostgresError.self) { try await task.value }
                #expect(error?.reason == .cancelled)
                #expect(error?.mayHaveHappened == false)
                try await lock.deserted(pool)
            }
            #expect(try await pool.one("SELECT count(*) FROM t", as: Int.self) == 0)
            try await pool.transaction { try await $0.execute("INSERT INTO t VALUES (2)") }
            #expect(try await pool.query("SELECT a FROM t", as: Int.self) == [2])
        }
    }

    @Test("a deadline stops a transaction on the server and rolls it back")
    func deadline() async throws {
        try await TestDatabase.with { pool in
            try await pool.execute("CREATE TABLE t (a bigint)")
            let lock = Lock()
            try await pool.warm(2)
            try await lock.hold(pool) {
                let error = await #expect(throws: PostgresError.self) {
                    try await pool.transaction(deadline: .now + .seconds(2)) { transaction in
                        try await transaction.execute("INSERT INTO t VALUES (1)")
                        try await transaction.execute(lock.wait)
                    }
                }
                #expect(error?.reason == .deadlineExceeded)
                #expect(error?.mayHaveHappened == false)
                try await lock.deserted(pool)
            }
            #expect(try await pool.one("SELECT count(*) FROM t", as: Int.self) == 0)
        }
    }

    @Test("a statement with a passed deadline is not sent")
    func passed() async throws {
        try await TestDatabase.with { pool in
            let error = await #expect(throws: PostgresError.self) {
                try await pool.transaction(deadline: .now - .seconds(1)) { try await $0.execute("CREATE TABLE t ()") }
            }
            #expect([.deadlineExceeded, .acquireTimeout].contains(error?.reason))
            let isAbsent = try await pool.one("SELECT to_regclass('t') IS NULL", as: Bool.self)
            #expect(isAbsent)
        }
    }
}
