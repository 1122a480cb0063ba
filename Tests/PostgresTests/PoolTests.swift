import Logging
import Postgres
import PostgresTesting
import Reactor
import TestSupport
import Testing

@Suite("Pool", .timeLimit(.minutes(2))) struct PoolTests {
    @Test("callers beyond the pipeline and the queue are rejected at once")
    func sharedQueue() async throws {
        try await TestDatabase.with { pool in
            var configuration = pool.configuration
            configuration.pipelineDepth = 2
            configuration.queueLimit = 2
            let lock = Lock()
            try await TestDatabase.running(configuration) { small in
                let tasks = try await lock.hold(pool) {
                    let sent = (0..<2).map { _ in Task { try await small.query(lock.wait).count } }
                    _ = try await lock.waiters(pool)
                    let queued = (0..<2).map { _ in Task { try await small.query("SELECT 1").count } }
                    _ = try await eventually("two waiting") { await small.statistics.waiting == 2 ? true : nil }
                    let error = await #expect(throws: PostgresError.self) { try await small.query("SELECT 2") }
                    #expect(error?.reason == .overloaded)
                    #expect(error?.isUnavailable == true)
                    return sent + queued
                }
                for task in tasks { #expect(try await task.value == 1) }
            }
        }
    }

    @Test("waiting for a shared connection times out")
    func sharedTimeout() async throws {
        try await TestDatabase.with { pool in
            var configuration = pool.configuration
            configuration.pipelineDepth = 1
            configuration.acquireTimeout = .milliseconds(100)
            let lock = Lock()
            try await TestDatabase.running(configuration) { small in
                let sent = try await lock.hold(pool) {
                    let sent = Task { try await small.query(lock.wait).count }
                    _ = try await lock.waiters(pool)
                    let error = await #expect(throws: PostgresError.self) { try await small.query("SELECT 1") }
                    #expect(error?.reason == .acquireTimeout)
                    #expect(error?.mayHaveHappened == false)
                    return sent
                }
                #expect(try await sent.value == 1)
            }
        }
    }

    @Test("callers waiting for a shared connection are served when there is room, or leave when cancelled")
    func sharedWaiters() async throws {
        try await TestDatabase.with { pool in
            var configuration = pool.configuration
            configuration.sharedConnections = 1
            configuration.pipelineDepth = 1
            let lock = Lock()
            try await TestDatabase.running(configuration) { small in
                let (first, waiting, cancelled) = try await lock.hold(pool) {
                    let first = Task { try await small.query(lock.wait) }
                    _ = try await lock.waiters(pool)
                    let waiting = (0..<10).map { number in Task { try await small.one("SELECT \(number)", as: Int.self) } }
                    let cancelled = Task { try await small.one("SELECT 99", as: Int.self) }
                    _ = try await eventually("all waiting") { await small.statistics.waiting == 11 ? true : nil }
                    cancelled.cancel()
                    return (first, waiting, cancelled)
                }
                _ = try await first.value
                for (number, task) in waiting.enumerated() { #expect(try await task.value == number) }
                let error = await #expect(throws: PostgresError.self) { try await cancelled.value }
                #expect(error?.mayHaveHappened == false)
            }
        }
    }

    @Test("no more transactions run than there are connections; others wait, up to the limit")
    func exclusive() async throws {
        try await TestDatabase.with { pool in
            var configuration = pool.configuration
            configuration.exclusiveConnections = 2
            configuration.queueLimit = 2
            let lock = Lock()
            try await TestDatabase.running(configuration) { small in
                let tasks = try await lock.hold(pool) {
                    let holders = (0..<2).map { _ in Task { try await small.transaction { try await $0.query(lock.wait).count } }
                    }
                    _ = try await lock.waiters(pool, atLeast: 2)
                    let waiters = (0..<2).map { _ in Task { try await small.transaction { try await $0.query("SELECT 1").count } }
                    }
                    _ = try await eventually("two waiting") { await small.statistics.waiting == 2 ? true : nil }
                    let refused = await #expect(throws: PostgresError.self) {
                        try await small.transaction { try await $0.execute("SELECT 1") }
                    }
                    #expect(refused?.reason == .overloaded)
                    #expect(await small.statistics.exclusiveBusy == 2)
                    return holders + waiters
                }
                for task in tasks { #expect(try await task.value == 1) }
                #expect(await small.statistics.exclusiveIdle == 2)
            }
        }
    }

    @Test("waiting for an exclusive connection ends at the timeout or the deadline")
    func exclusiveTimeout() async throws {
        try await TestDatabase.with { pool in
            var configuration = pool.configuration
            configuration.exclusiveConnections = 1
            configuration.acquireTimeout = .milliseconds(100)
            let lock = Lock()
            try await TestDatabase.running(configuration) { small in
                // Opening the first one may take longer than the timeout.
                _ = try await eventually("a first connection") {
                    try? await small.transaction { try await $0.query("SELECT 1").count }
                }
                let holder = try await lock.hold(pool) {
                    let holder = Task { try await small.transaction { try await $0.query(lock.wait).count } }
                    _ = try await lock.waiters(pool)
                    for deadline in [nil, ContinuousClock.now + .milliseconds(20)] {
                        let late = await #expect(throws: PostgresError.self) {
                            try await small.transaction(deadline: deadline) { try await $0.execute("SELECT 1") }
                        }
                        #expect(late?.reason == .acquireTimeout)
                        #expect(late?.mayHaveHappened == false)
                    }
                    return holder
                }
                #expect(try await holder.value == 1)
            }
        }
    }

    @Test("callers fail at once while the server is unreachable")
    func away() async throws {
        var configuration = TestDatabase.configuration()
        configuration.address = .init(host: "127.0.0.1", port: 1)
        configuration.acquireTimeout = .seconds(600)
        let pool = PostgresPool(configuration, on: TestDatabase.io, logger: Logger(label: "test"))
        let run = Task { try await pool.run() }
        for _ in 0..<200 {
            let error = await #expect(throws: PostgresError.self) { try await pool.query("SELECT 1") }
            #expect(error?.reason == .unavailable)
            #expect(error?.mayHaveHappened == false)
            let other = await #expect(throws: PostgresError.self) {
                try await pool.transaction { try await $0.execute("SELECT 1") }
            }
            #expect(other?.reason == .unavailable)
        }
        #expect(!pool.isAvailable)
        run.cancel()
        try await run.value
    }

    @Test("a stopping pool finishes work in flight and accepts no more")
    func stopping() async throws {
        try await TestDatabase.with { pool in
            let lock = Lock()
            let stopped = PostgresPool(pool.configuration, on: TestDatabase.io, logger: Logger(label: "test"))
            let run = Task { try await stopped.run() }
            await stopped.ready()
            let (query, transaction): (Task<Int, any Error>, Task<Int, any Error>) = try await lock.hold(pool) {
                let query = Task { try await stopped.query(lock.wait).count }
                let transaction = Task { try await stopped.transaction { try await $0.query(lock.wait).count } }
                _ = try await lock.waiters(pool, atLeast: 2)
                run.cancel()
                _ = try await eventually("the stop to begin") { stopped.isAvailable ? nil : true }
                let error = await #expect(throws: PostgresError.self) { try await stopped.query("SELECT 1") }
                #expect(error?.reason == .unavailable)
                return (query, transaction)
            }
            #expect(try await query.value == 1)
            #expect(try await transaction.value == 1)
            try await run.value
            let left = await stopped.statistics
            #expect(left.sharedConnected + left.exclusiveIdle + left.exclusiveBusy + left.inFlight == 0)
        }
    }
}
