import Postgres
import PostgresTesting
import TestSupport
import Testing

@Suite("Read-only server", .timeLimit(.minutes(2))) struct ReadOnlyServerTests {
    @Test("a refused write counts as unavailable and replaces the connection; writes succeed again without a restart")
    func shared() async throws {
        try await TestDatabase.with { pool in
            try await pool.execute("CREATE TABLE t (a bigint)")
            try await pool.execute("SET default_transaction_read_only = on")
            let error = await #expect(throws: PostgresError.self) { try await pool.execute("INSERT INTO t VALUES (1)") }
            expectReadOnly(error)
            _ = try await eventually("a write on a new connection") { try? await pool.execute("INSERT INTO t VALUES (2)") }
            #expect(try await pool.query("SELECT a FROM t", as: Int64.self) == [2])
        }
    }

    @Test("batches behind a refused write are answered before the connection closes")
    func pipelined() async throws {
        try await TestDatabase.with { pool in
            try await pool.execute("CREATE TABLE t (a bigint)")
            try await TestDatabase.running(pool.configuration) { victim in
                try await victim.execute("SET default_transaction_read_only = on")
                let lock = Lock()
                let (write, reads) = try await lock.hold(pool) {
                    let first = Task { try await victim.query(lock.wait).count }
                    _ = try await lock.waiters(pool)
                    let write = Task { try await victim.execute("INSERT INTO t VALUES (1)") }
                    _ = try await eventually("the write in flight") { await victim.statistics.inFlight == 2 ? true : nil }
                    // Not read-only to the pool: a lost connection would fail them with an unknown outcome.
                    let reads = (0..<5).map { number in Task { try await victim.one("SELECT \(number)", as: Int.self) } }
                    _ = try await eventually("the reads in flight") { await victim.statistics.inFlight == 7 ? true : nil }
                    return (write, reads + [first])
                }
                let error = await #expect(throws: PostgresError.self) { try await write.value }
                expectReadOnly(error)
                for (number, read) in reads.dropLast().enumerated() { #expect(try await read.value == number) }
                #expect(try await reads.last?.value == 1)
            }
        }
    }

    @Test("a refused transaction replaces its connection")
    func exclusive() async throws {
        try await TestDatabase.with { pool in
            try await pool.execute("CREATE TABLE t (a bigint)")
            try await pool.transaction { try await $0.execute("SET default_transaction_read_only = on") }
            let error = await #expect(throws: PostgresError.self) {
                try await pool.transaction { try await $0.execute("INSERT INTO t VALUES (1)") }
            }
            expectReadOnly(error)
            try await pool.transaction { try await $0.execute("INSERT INTO t VALUES (2)") }
            #expect(try await pool.query("SELECT a FROM t", as: Int64.self) == [2])
        }
    }

    @Test("a refused COPY replaces its connection")
    func copy() async throws {
        try await TestDatabase.with { pool in
            try await pool.execute("CREATE TABLE t (a bigint)")
            try await pool.transaction { try await $0.execute("SET default_transaction_read_only = on") }
            let error = await #expect(throws: PostgresError.self) {
                try await pool.copy(into: "t", columns: ["a"]) { try await $0.row(Int64(1)) }
            }
            expectReadOnly(error)
            try await pool.copy(into: "t", columns: ["a"]) { try await $0.row(Int64(2)) }
            #expect(try await pool.query("SELECT a FROM t", as: Int64.self) == [2])
        }
    }

    private func expectReadOnly(_ error: PostgresError?) {
        #expect(error?.sqlState == .readOnlyTransaction)
        #expect(error?.isUnavailable == true)
        #expect(error?.mayHaveHappened == false)
    }
}
