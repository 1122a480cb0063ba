import PostgresTesting
import TestSupport
import Testing

@testable import Postgres

@Suite("An unresponsive server", .timeLimit(.minutes(2))) struct SilenceTests {
    /// Runs `body` with a pool that reaches the test server through a proxy.
    private func over(
        _ configure: (inout PostgresConfiguration) -> Void = { _ in }, _ body: (PostgresPool, NetworkProxy) async throws -> Void
    ) async throws {
        try await NetworkProxy.with(to: TestStack.postgres.port) { proxy in
            var configuration = TestDatabase.configuration()
            configuration.address.port = proxy.port
            configure(&configuration)
            try await TestDatabase.running(configuration) { pool in try await body(pool, proxy) }
        }
    }

    @Test("when new connections get no answer either, all callers fail, and the pool notices the server's return")
    func gone() async throws {
        try await over { pool, proxy in
            let lock = Lock()
            try await TestDatabase.with { admin in
                let waiting = try await lock.hold(admin) {
                    let waiting = Task { try await pool.query(lock.wait) }
                    _ = try await lock.waiters(admin)
                    proxy.stall()
                    return waiting
                }
                let error = await #expect(throws: PostgresError.self) { try await waiting.value }
                #expect(error?.reason == .connectionLost)
                #expect(error?.mayHaveHappened == true)
                let next = await #expect(throws: PostgresError.self) { try await pool.query("SELECT 1") }
                #expect(next?.reason == .unavailable)
                #expect(!pool.isAvailable)
                proxy.resume()
                _ = try await eventually("an answer") { try? await pool.one("SELECT 1", as: Int.self) }
            }
        }
    }

    @Test("slow statements do not end the connections to a responsive server")
    func slow() async throws {
        try await over { pool, _ in
            let session = try await pool.one("SELECT pg_backend_pid()", as: Int32.self)
            #expect(try await pool.query("SELECT pg_sleep(2.5)").count == 1)
            #expect(try await pool.one("SELECT pg_backend_pid()", as: Int32.self) == session)
        }
    }

    @Test("a COPY without a deadline is bounded too")
    func copy() async throws {
        try await over({ $0.copyTimeout = .milliseconds(500) }) { pool, proxy in
            let error = await #expect(throws: PostgresError.self) {
                try await pool.transaction { transaction in
                    try await transaction.execute("CREATE TEMPORARY TABLE t (a bigint)")
                    try await transaction.copy(into: "t", columns: ["a"]) { copy in
                        try await copy.row(1)
                        proxy.stall()
                    }
                }
            }
            #expect(error?.reason == .deadlineExceeded)
            #expect(error?.mayHaveHappened == false)
            proxy.resume()
        }
    }

    @Test("cancelled callers free their places at once, even if the server accepts no stop request")
    func stopping() async throws {
        try await over({ $0.exclusiveConnections = 1 }) { pool, proxy in
            try await pool.warm(1)
            proxy.stall()
            let error = await #expect(throws: PostgresError.self) {
                try await pool.transaction(deadline: .now + .seconds(1)) { try await $0.execute("SELECT 1") }
            }
            #expect(error?.reason == .deadlineExceeded)
            #expect(await pool.statistics.exclusiveBusy == 0)
            _ = try await eventually("the closed connection") { await pool.exclusive.isEmpty ? true : nil }
            #expect(await pool.state.stopping == 1)
            proxy.resume()
            try await pool.warm(1)
            _ = try await eventually("the end of the stop request") { await pool.state.stopping == 0 ? true : nil }
        }
    }
}
