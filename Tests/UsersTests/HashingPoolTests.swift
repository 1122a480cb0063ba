import Contracts
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Users

@Suite("Hashing pool") struct HashingPoolTests {
    @Test("runs as many hashes at once as it has threads, and all of them eventually")
    func bounded() async throws {
        let pool = HashingPool(threads: 3, queueLimit: 100, patience: .seconds(120))
        let counter = Counter()
        let answers = try await withThrowingTaskGroup { group in
            for number in 0..<60 {
                group.addTask {
                    try await pool.run {
                        counter.enter()
                        for _ in 0..<200 { sched_yield() }  // work that takes a while, on the pool's own thread
                        counter.leave()
                        return number
                    }
                }
            }
            return try await group.reduce(into: Set<Int>()) { $0.insert($1) }
        }
        #expect(answers == Set(0..<60))
        #expect(counter.most <= 3)
        #expect(pool.load == (0, 0))
    }

    @Test("refuses a hash at once when the queue is full")
    func full() async throws {
        let pool = HashingPool(threads: 1, queueLimit: 1, patience: .seconds(120))
        let gate = Gate()
        try await withThrowingTaskGroup { group in
            group.addTask { try await pool.run { gate.wait() } }
            try await eventually("the first runs") { pool.load.running == 1 ? () : nil }
            group.addTask { try await pool.run {} }
            try await eventually("the second waits") { pool.load.waiting == 1 ? () : nil }
            let error = await #expect(throws: ServiceError.self) { try await pool.run {} }
            #expect(error?.code == .unavailable)
            #expect(error?.mayHaveHappened == false)
            gate.open()
            try await group.waitForAll()
        }
        #expect(pool.load == (0, 0))
    }

    @Test("a cancelled waiter leaves the queue and does no work")
    func cancelled() async throws {
        let pool = HashingPool(threads: 1, queueLimit: 1, patience: .seconds(120))
        let gate = Gate()
        async let first: Void = pool.run { gate.wait() }
        try await eventually("the first runs") { pool.load.running == 1 ? () : nil }
        let worked = Counter()
        await withTaskGroup { group in
            group.addTask {
                await #expect(throws: CancellationError.self) { try await pool.run { worked.enter() } }
            }
            _ = try? await eventually("the second waits") { pool.load.waiting == 1 ? () : nil }
            group.cancelAll()
        }
        #expect(pool.load.waiting == 0)
        gate.open()
        try await first
        #expect(worked.most == 0)
        try await pool.run {}  // the place is free again
    }

    @Test("failed work frees its thread")
    func failing() async throws {
        let pool = HashingPool(threads: 1, queueLimit: 0)
        for _ in 0..<3 {
            await #expect(throws: Sodium.Failure.self) { try await pool.run { throw Sodium.Failure() } }
        }
        #expect(pool.load == (0, 0))
    }

    /// Counts the concurrent entries, and their maximum.
    private final class Counter: Sendable {
        private let state = Mutex((now: 0, most: 0))
        var most: Int { state.withLock { $0.most } }
        func enter() { state.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) } }
        func leave() { state.withLock { $0.now -= 1 } }
    }

    /// Blocks threads of the pool until it is opened.
    private final class Gate: Sendable {
        private let semaphore = DispatchSemaphore(value: 0)
        func wait() { semaphore.wait() }
        func open() { semaphore.signal() }
    }
}
