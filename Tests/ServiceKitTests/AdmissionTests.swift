import Synchronization
import TestSupport
import Testing

@testable import ServiceKit

@Suite("The rules of admission") struct AdmissionStateTests {
    @Test("requests are admitted in order of arrival; a request beyond the queue is refused")
    func order() {
        var state = AdmissionState(limit: 1, queueLimit: 2)
        #expect([1, 2, 3, 4].map { state.request($0) } == [.admitted, .queued, .queued, .refused])
        #expect(state.release() == 2)
        let (gaveUp, again) = (state.withdraw(3), state.withdraw(3))
        #expect(gaveUp && !again)
        #expect(state.release() == nil)
        #expect(state.running == 0)
    }

    @Test("bounds and order hold, and no request is lost, in any order of events", arguments: UInt64(1)...100)
    func anyOrder(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let (limit, queueLimit) = (Int.random(in: 1...4, using: &random), Int.random(in: 0...5, using: &random))
        var state = AdmissionState(limit: limit, queueLimit: queueLimit)
        var (running, waiting, next) = (0, [UInt64](), UInt64(0))
        for _ in 0..<1_000 {
            switch Int.random(in: 0...3, using: &random) {
            case 0, 1:
                next += 1
                switch state.request(next) {
                case .admitted:
                    #expect(waiting.isEmpty)
                    running += 1
                case .queued:
                    #expect(running == limit)
                    waiting.append(next)
                case .refused: #expect(running == limit && waiting.count == queueLimit)
                }
            case 2 where running > 0:
                let admitted = state.release()
                #expect(admitted == waiting.first)
                if waiting.isEmpty { running -= 1 } else { waiting.removeFirst() }
            default:
                let ticket = waiting.randomElement(using: &random) ?? next
                #expect(state.withdraw(ticket) == waiting.contains(ticket))
                waiting.removeAll { $0 == ticket }
            }
            #expect(state.running == running && Array(state.queue) == waiting)
            #expect(running <= limit && waiting.count <= queueLimit)
        }
    }
}

@Suite("Admission") struct AdmissionTests {
    private let clock = ManualClock()
    private let gate = Gate()

    private func admission(limit: Int = 1, queue: Int = 1) -> Admission {
        Admission("test", limit: limit, queue: queue, wait: .seconds(1), clock: clock)
    }

    @Test("work beyond the queue is refused at once")
    func full() async throws {
        let admission = admission()
        async let first: Void = admission.run { await gate.pass() }
        await gate.waitForArrivals(1)
        async let second = admission.run { 2 }
        await clock.waitForSleepers(1)
        await #expect(throws: AdmissionRefused(reason: .full)) { try await admission.run { Issue.record("should not run") } }
        gate.open()
        try await first
        #expect(try await second == 2)
        #expect(admission.load == (0, 0))
    }

    @Test("work that waits too long is refused and leaves the queue")
    func late() async throws {
        let admission = admission()
        async let first: Void = admission.run { await gate.pass() }
        await gate.waitForArrivals(1)
        let second = Task { try await admission.run(within: .milliseconds(10)) { Issue.record("should not run") } }
        await clock.waitForSleepers(1)
        clock.advance(by: .milliseconds(10))
        await #expect(throws: AdmissionRefused(reason: .late)) { try await second.value }
        #expect(admission.load == (1, 0))
        gate.open()
        try await first
    }

    @Test("cancellation frees the place in the queue; work cancelled before never takes one")
    func cancelled() async throws {
        let admission = admission()
        async let first: Void = admission.run { await gate.pass() }
        await gate.waitForArrivals(1)
        let second = Task { try await admission.run { Issue.record("should not run") } }
        await clock.waitForSleepers(1)
        second.cancel()
        await #expect(throws: CancellationError.self) { try await second.value }
        #expect(admission.load == (1, 0))
        let third = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await admission.run { _ = Issue.record("should not run") }
        }
        await #expect(throws: CancellationError.self) { try await third.value }
        gate.open()
        try await first
    }

    @Test("work that throws frees its slot")
    func throwing() async throws {
        let admission = admission(queue: 0)
        for _ in 0..<3 { await #expect(throws: Failure.self) { try await admission.run { throw Failure() } } }
        #expect(admission.load == (0, 0))
    }

    @Test("with cancellations at any moment, the limit holds and all slots are freed", arguments: 1...5)
    func storm(round: Int) async {
        let admission = Admission("storm", limit: 3, queue: 20, wait: .seconds(3_600))
        let counter = ConcurrencyCounter()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<200 {
                group.addTask {
                    let task = Task {
                        try await admission.run {
                            counter.enter()
                            await Task.yield()
                            counter.leave()
                        }
                    }
                    if number % 3 == round % 3 { task.cancel() }
                    _ = await task.result
                }
            }
        }
        #expect(counter.inside == 0)
        #expect((1...3).contains(counter.most))
        #expect(admission.load == (0, 0))
    }
}

/// Counts concurrent tasks, and their maximum.
private final class ConcurrencyCounter: Sendable {
    private let state = Mutex((inside: 0, most: 0))
    var inside: Int { state.withLock { $0.inside } }
    var most: Int { state.withLock { $0.most } }
    func enter() { state.withLock { $0 = ($0.inside + 1, max($0.most, $0.inside + 1)) } }
    func leave() { state.withLock { $0.inside -= 1 } }
}
