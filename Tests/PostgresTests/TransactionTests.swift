import Postgres
import PostgresTesting
import TestSupport
import Testing

@Suite("Transactions", .timeLimit(.minutes(2))) struct TransactionTests {
    private struct Stop: Error {}

    private func withTable(_ body: (PostgresPool) async throws -> Void) async throws {
        try await TestDatabase.with { pool in
            try await pool.execute("CREATE TABLE t (a bigint PRIMARY KEY, b text)")
            try await body(pool)
        }
    }

    private func all(_ pool: PostgresPool) async throws -> [Int] {
        try await pool.query("SELECT a FROM t ORDER BY a", as: Int.self)
    }

    @Test("what the body did is there when it returns, and nothing of it when it throws")
    func commitAndRollback() async throws {
        try await withTable { pool in
            let answer = try await pool.transaction { transaction in
                try await transaction.execute("INSERT INTO t VALUES (1)")
                #expect(try await pool.one("SELECT count(*) FROM t", as: Int.self) == 0)
                transaction.enqueue("INSERT INTO t VALUES (2)")
                return "done"
            }
            #expect(answer == "done")
            await #expect(throws: Stop.self) {
                try await pool.transaction { transaction in
                    try await transaction.execute("INSERT INTO t VALUES (3)")
                    throw Stop()
                }
            }
            #expect(try await all(pool) == [1, 2])
            #expect(await pool.statistics.exclusiveBusy == 0)
        }
    }

    @Test("a micro-batch: locks and reads in one batch, writes and COMMIT in the next")
    func microBatch() async throws {
        try await withTable { pool in
            try await pool.execute("INSERT INTO t SELECT i, 'chat' FROM generate_series(1, 5) i")
            let ids: [Int] = [4, 2]
            let (locked, written): ([PostgresRows], [PostgresRows]) = try await pool.transaction { transaction in
                let rows = try await transaction.run([
                    "SELECT a FROM t WHERE a = ANY(\(ids)) ORDER BY a FOR UPDATE", "SELECT count(*) FROM t",
                ])
                transaction.enqueue("UPDATE t SET b = 'sent' WHERE a = ANY(\(ids))")
                let written = try await transaction.commit(["INSERT INTO t SELECT i + 10 FROM unnest(\(ids)) i RETURNING a"])
                return (rows, written)
            }
            #expect(try locked.map { try $0.decode(Int.self) } == [[2, 4], [5]])
            #expect(try written.map { try $0.decode(Int.self) } == [[14, 12]])
            #expect(try await pool.query("SELECT a FROM t WHERE b = 'sent' ORDER BY a", as: Int.self) == [2, 4])
        }
    }

    @Test("what was enqueued goes before what is run after it")
    func enqueueOrder() async throws {
        try await withTable { pool in
            let seen = try await pool.transaction { transaction in
                transaction.enqueue("INSERT INTO t VALUES (1)")
                return try await transaction.query("SELECT a FROM t").decode(Int.self)
            }
            #expect(seen == [1])
        }
    }

    @Test("after an error in the middle nothing is kept, even if the body catches it")
    func errorCaught() async throws {
        try await withTable { pool in
            let error = await #expect(throws: PostgresError.self) {
                try await pool.transaction { transaction in
                    try await transaction.execute("INSERT INTO t VALUES (1)")
                    _ = try? await transaction.execute("INSERT INTO t VALUES (1)")
                }
            }
            #expect(error?.reason == .transactionOver)
            #expect(error?.mayHaveHappened == false)
            #expect(try await all(pool) == [])
            try await pool.transaction { try await $0.execute("INSERT INTO t VALUES (1)") }
            #expect(try await all(pool) == [1])
        }
    }

    @Test("an error in the last batch undoes all of it", arguments: ["middle", "deferred"])
    func errorAtCommit(kind: String) async throws {
        try await withTable { pool in
            try await pool.execute("CREATE TABLE late (a bigint UNIQUE DEFERRABLE INITIALLY DEFERRED)")
            try await pool.execute("INSERT INTO late VALUES (1)")
            let error = await #expect(throws: PostgresError.self) {
                try await pool.transaction { transaction in
                    try await transaction.execute("INSERT INTO t VALUES (1)")
                    transaction.enqueue(kind == "middle" ? "INSERT INTO t VALUES (1)" : "INSERT INTO late VALUES (1)")
                    transaction.enqueue("INSERT INTO t VALUES (2)")
                }
            }
            #expect(error?.sqlState == .uniqueViolation)
            #expect(error?.mayHaveHappened == false)
            #expect(try await all(pool) == [])
            #expect(await pool.statistics.exclusiveIdle == 1)
        }
    }

    @Test("a transaction that is over takes nothing more")
    func over() async throws {
        try await withTable { pool in
            let error = await #expect(throws: PostgresError.self) {
                try await pool.transaction { transaction in
                    try await transaction.commit(["INSERT INTO t VALUES (1)"])
                    try await transaction.execute("INSERT INTO t VALUES (2)")
                }
            }
            #expect(error?.reason == .transactionOver)
            let kept = try await all(pool)
            #expect(kept == [1])
        }
    }

    @Test("a body that sends nothing costs no round trip and no error")
    func empty() async throws {
        try await withTable { pool in
            #expect(try await pool.transaction { _ in 7 } == 7)
            try await pool.transaction { try await $0.commit() }
        }
    }

    @Test("a serialisation failure is transient, and trying again succeeds")
    func serialisation() async throws {
        try await withTable { pool in
            try await pool.execute("INSERT INTO t VALUES (1, '0')")
            try await withThrowingTaskGroup { group in
                for _ in 0..<4 {
                    group.addTask {
                        for _ in 0..<5 { try await Self.count(pool) }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await pool.one("SELECT b FROM t", as: String.self) == "20")
        }
    }

    private static func count(_ pool: PostgresPool) async throws {
        try await pool.transaction(isolation: .serializable, attempts: 1_000) { transaction in
            let now = try await transaction.query("SELECT b::bigint FROM t WHERE a = 1").one(as: Int.self)
            transaction.enqueue("UPDATE t SET b = \("\(now + 1)") WHERE a = 1")
        }
    }

    @Test("a deadlock is reported as one to its victim; tried again, both succeed")
    func deadlock() async throws {
        try await withTable { pool in
            try await pool.execute("INSERT INTO t VALUES (1, ''), (2, '')")
            let gate = Gate(2)
            try await withThrowingTaskGroup { group in
                for (first, second) in [(1, 2), (2, 1)] {
                    group.addTask {
                        try await pool.transaction(attempts: 5) { transaction in
                            try await transaction.execute("UPDATE t SET b = b || 'x' WHERE a = \(first)")
                            await gate.pass()
                            do throws(PostgresError) {
                                try await transaction.execute("UPDATE t SET b = b || 'x' WHERE a = \(second)")
                            } catch {
                                #expect(error.sqlState == .deadlockDetected && error.isTransient)
                                await gate.noteVictim()
                                throw error
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            let victims = await gate.victims
            #expect(victims >= 1)
            #expect(try await pool.query("SELECT b FROM t", as: String.self) == ["xx", "xx"])
        }
    }
}

/// Opens for good once a number of callers stand before it.
private actor Gate {
    private var missing: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []
    private(set) var victims = 0
    init(_ count: Int) { missing = count }

    func noteVictim() { victims += 1 }

    func pass() async {
        missing -= 1
        if missing > 0 { return await withCheckedContinuation { waiting.append($0) } }
        for waiter in waiting { waiter.resume() }
        waiting = []
    }
}
