import Reactor
import Testing

@Suite("Promise", .timeLimit(.minutes(1))) struct PromiseTests {
    @Test("all waiters receive the first value, before and after it is known")
    func value() async throws {
        let promise = Promise<Int>()
        async let values = withThrowingTaskGroup { group in
            for _ in 0..<20 { group.addTask { try await promise.value } }
            return try await group.reduce(into: Set<Int>()) { $0.insert($1) }
        }
        promise.fulfill(1)
        promise.fulfill(2)
        #expect(try await values == [1])
        #expect(try await promise.value == 1)
    }

    @Test("cancellation ends the wait of one task and of no other")
    func cancellation() async throws {
        let promise = Promise<Void>()
        let (cancelled, other) = (Task { try await promise.value }, Task { try await promise.value })
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        promise.fulfill()
        try await other.value
    }
}
