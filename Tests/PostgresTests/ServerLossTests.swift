import Foundation
import Postgres
import PostgresTesting
import TestSupport
import Testing

@Suite("A server that dies or freezes", .timeLimit(.minutes(2)), .serialized) struct ServerLossTests {
    private func withServer(_ body: (OwnPostgres, PostgresPool) async throws -> Void) async throws {
        try await OwnPostgres.with { server in
            try await TestDatabase.running(server.configuration) { pool in try await body(server, pool) }
        }
    }

    @Test("when the server is killed, waiting callers fail, and the pool notices its return")
    func killed() async throws {
        try await withServer { server, pool in
            let write = Task { try await pool.query("SELECT pg_sleep(600)") }
            let transaction = Task { try await pool.transaction { try await $0.query("SELECT pg_sleep(600)") } }
            _ = try await eventually("two running statements") {
                let now = await pool.statistics
                return now.inFlight == 1 && now.exclusiveBusy == 1 ? true : nil
            }
            try await server.kill()
            for task in [write, transaction] {
                let error = await #expect(throws: PostgresError.self) { try await task.value }
                #expect(error?.isUnavailable == true)
            }
            try server.start()
            _ = try await eventually("an answer") { try? await pool.one("SELECT 1", as: Int.self) }
            _ = try await eventually("a transaction") { try? await pool.transaction { try await $0.execute("SELECT 1") } }
        }
    }

    @Test("when the server freezes, waiting callers fail, new ones are rejected, and the pool notices its return")
    func frozen() async throws {
        try await withServer { server, pool in
            let waiting = Task { try await pool.query("SELECT pg_sleep(600)") }
            _ = try await eventually("a statement in flight") { await pool.statistics.inFlight == 1 ? true : nil }
            server.signalAll(SIGSTOP)
            let error = await #expect(throws: PostgresError.self) { try await waiting.value }
            #expect(error?.reason == .connectionLost)
            let next = await #expect(throws: PostgresError.self) { try await pool.query("SELECT 1") }
            #expect(next?.reason == .unavailable)
            server.signalAll(SIGCONT)
            _ = try await eventually("an answer") { try? await pool.one("SELECT 1", as: Int.self) }
        }
    }

    @Test("while new sessions are impossible, existing ones work and abandoned ones free their places")
    func postmasterFrozen() async throws {
        try await withServer { server, pool in
            try await pool.transaction { try await $0.execute("SELECT 1") }
            server.signalPostmaster(SIGSTOP)
            let late = await #expect(throws: PostgresError.self) {
                try await pool.transaction(deadline: .now + .seconds(2)) { try await $0.query("SELECT pg_sleep(600)") }
            }
            #expect(late?.reason == .deadlineExceeded)
            #expect(await pool.statistics.exclusiveBusy == 0)
            #expect(try await pool.one("SELECT 5", as: Int.self) == 5)
            server.signalPostmaster(SIGCONT)
            _ = try await eventually("a transaction") { try? await pool.transaction { try await $0.execute("SELECT 1") } }
        }
    }
}
