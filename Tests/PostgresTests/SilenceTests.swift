import PostgresTesting
import TestSupport
import Testing

@testable import Postgres

@Suite("A server that says nothing", .timeLimit(.minutes(2))) struct SilenceTests {
    /// Lends a pool that reaches the test server over a wire.
    private func over(
        _ configure: (inout PostgresConfiguration) -> Void = { _ in }, _ body: (PostgresPool, Wire) async throws -> Void
    ) async throws {
        try await Wire.with(to: TestStack.postgres.port) { wire in
            var configuration = TestDatabase.configuration()
            configuration.address.port = wire.port
            configure(&configuration)
            try await TestDatabase.running(configuration) { pool in try await body(pool, wire) }
        }
    }

    @Test("callers who give up make room for others at once, though the server takes no request to stop")
    func stopping() async throws {
        try await over({ $0.exclusiveConnections = 1 }) { pool, wire in
            try await pool.warm(1)
            wire.stall()
            let error = await #expect(throws: PostgresError.self) {
                try await pool.transaction(deadline: .now + .milliseconds(100)) { try await $0.execute("SELECT 1") }
            }
            #expect(error?.reason == .deadlineExceeded)
            #expect(await pool.statistics.exclusiveBusy == 0)
            _ = try await eventually("the end of the connection") { await pool.exclusive.isEmpty ? true : nil }
            #expect(await pool.state.stopping == 1)
            wire.resume()
            try await pool.warm(1)
            _ = try await eventually("the end of the request") { await pool.state.stopping == 0 ? true : nil }
        }
    }
}
