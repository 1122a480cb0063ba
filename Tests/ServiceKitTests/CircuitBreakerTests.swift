import Contracts
import TestSupport
import Testing

@testable import ServiceKit

@Suite struct CircuitBreakerStateTests {
    private static let policy = CircuitBreakerPolicy(
        failureRatio: 0.5, minimumCalls: 4, window: .seconds(10), open: .seconds(1), openLimit: .seconds(4), trials: 2)

    /// Calls once and ends as told; whether the call was let through.
    @discardableResult
    private func call(_ state: inout CircuitBreakerState, _ outcome: CircuitBreakerState.Outcome, at seconds: Double) -> Bool {
        guard case .success(let permit) = state.ask(at: .seconds(seconds)) else { return false }
        state.finish(permit, outcome, at: .seconds(seconds), chance: 0.5)
        return true
    }

    private func opened(at seconds: Double = 0) -> CircuitBreakerState {
        var state = CircuitBreakerState(Self.policy)
        for _ in 0..<4 { call(&state, .failure, at: seconds) }
        return state
    }

    @Test("it opens when enough calls were made and enough of them failed")
    func opens() {
        var state = CircuitBreakerState(Self.policy)
        for outcome in [.failure, .failure, .success] as [CircuitBreakerState.Outcome] { call(&state, outcome, at: 0) }
        #expect(state.phase == .closed)
        call(&state, .success, at: 0)
        #expect(state.phase == .open(until: .seconds(1)) || state.phase == .closed)
        call(&state, .failure, at: 0)
        #expect(state.phase == .open(until: .seconds(1)))
        #expect(state.ask(at: .seconds(0.25)) == .failure(CircuitOpen(retryAfter: .seconds(0.75))))
    }

    @Test("failures that have left the window do not count; abandoned calls never do")
    func window() {
        var state = CircuitBreakerState(Self.policy)
        for _ in 0..<3 { call(&state, .failure, at: 0) }
        for _ in 0..<20 { call(&state, .abandoned, at: 5) }
        call(&state, .failure, at: 10)
        #expect(state.phase == .closed)
        #expect(state.counts(at: .seconds(10)) == (1, 1))
    }

    @Test("after its time it lets a few trials through, and closes when they succeed")
    func closes() {
        var state = opened()
        guard case .success(let first) = state.ask(at: .seconds(1)), case .success(let second) = state.ask(at: .seconds(1)) else {
            Issue.record("two trials should have passed")
            return
        }
        #expect(state.ask(at: .seconds(1)) == .failure(CircuitOpen(retryAfter: .seconds(1))))
        state.finish(first, .success, at: .seconds(1), chance: 0)
        state.finish(second, .success, at: .seconds(1), chance: 0)
        #expect(state.phase == .closed)
        #expect(state.counts(at: .seconds(1)) == (0, 0))
    }

    @Test("another policy holds at once: in what is counted, and for trials that have been enough by it")
    func anotherPolicy() {
        var (state, policy) = (CircuitBreakerState(Self.policy), Self.policy)
        for _ in 0..<3 { call(&state, .failure, at: 0) }
        policy.minimumCalls = 3
        state.use(policy)
        #expect(state.phase == .closed)
        call(&state, .failure, at: 0)
        #expect(state.phase == .open(until: .seconds(1)))
        call(&state, .success, at: 1)
        #expect(state.phase == .halfOpen(inFlight: 0, succeeded: 1))
        policy.trials = 1
        state.use(policy)
        #expect(state.phase == .closed)
        for _ in 0..<2 { call(&state, .failure, at: 2) }
        policy.window = .seconds(5)
        state.use(policy)
        #expect(state.counts(at: .seconds(2)) == (0, 0))
    }

    @Test("the breakers of a process take the policy that holds, those made before as those made later")
    func ofAProcess() async {
        let breakers = Breakers()
        let before = breakers.make("before")
        breakers.use(CircuitBreakerPolicy(minimumCalls: 1))
        for breaker in [before, breakers.make("after")] {
            await #expect(throws: Failure.self) { try await breaker.run { throw Failure() } }
            await #expect(throws: CircuitOpen.self) { try await breaker.run {} }
        }
    }

    @Test("a failed trial opens it for twice as long, up to a limit; once closed it begins anew")
    func doubles() {
        var state = opened()
        var now = 1.0
        for length in [2.0, 4.0, 4.0] {
            call(&state, .failure, at: now)
            #expect(state.phase == .open(until: .seconds(now + length)))
            now += length
        }
        for _ in 0..<2 { call(&state, .success, at: now) }
        #expect(state.phase == .closed)
        for _ in 0..<4 { call(&state, .failure, at: now) }
        #expect(state.phase == .open(until: .seconds(now + 1)))
    }

    @Test("an abandoned trial makes room for another")
    func abandonedTrial() {
        var state = opened()
        for _ in 0..<5 { #expect(call(&state, .abandoned, at: 1)) }
        #expect(state.phase == .halfOpen(inFlight: 0, succeeded: 0))
    }

    @Test("answers to calls of an earlier phase change nothing")
    func lateAnswers() {
        var state = CircuitBreakerState(Self.policy)
        guard case .success(let slow) = state.ask(at: .zero) else { return }
        for _ in 0..<4 { call(&state, .failure, at: 0) }
        _ = state.ask(at: .seconds(1))
        state.finish(slow, .failure, at: .seconds(1), chance: 0)
        #expect(state.phase == .halfOpen(inFlight: 1, succeeded: 0))
        state.finish(slow, .success, at: .seconds(1), chance: 0)
        #expect(state.phase == .halfOpen(inFlight: 1, succeeded: 0))
    }

    @Test("chance moves the open time by a quarter either way", arguments: [(0.0, 0.75), (1.0, 1.25)])
    func jitter(chance: Double, seconds: Double) {
        var state = CircuitBreakerState(Self.policy)
        for _ in 0..<4 {
            guard case .success(let permit) = state.ask(at: .zero) else { return }
            state.finish(permit, .failure, at: .zero, chance: chance)
        }
        #expect(state.phase == .open(until: .seconds(seconds)))
    }

    @Test("however calls come and end: never more trials than allowed, and it always recovers", arguments: UInt64(1)...100)
    func anyOrder(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var (state, now, inFlight, openings) = (CircuitBreakerState(Self.policy), 0.0, [CircuitBreakerState.Permit](), 0)
        for _ in 0..<2_000 {
            now += Double.random(in: 0...0.2, using: &random)
            let before = state.phase
            if Bool.random(using: &random) {
                if case .success(let permit) = state.ask(at: .seconds(now)) { inFlight.append(permit) }
            } else if let index = inFlight.indices.randomElement(using: &random) {
                let outcomes: [CircuitBreakerState.Outcome] = [.success, .failure, .failure, .abandoned]
                let outcome = outcomes.randomElement(using: &random) ?? .failure
                state.finish(
                    inFlight.remove(at: index), outcome, at: .seconds(now), chance: Double.random(in: 0...1, using: &random))
            }
            if case .open(let until) = state.phase {
                if before != state.phase { openings += 1 }
                #expect(until - .seconds(now) <= .seconds(5))
            }
            if case .halfOpen(let trials, let succeeded) = state.phase { #expect(trials >= 0 && trials + succeeded <= 2) }
        }
        #expect(openings > 0)  // the walk did reach the code
        for permit in inFlight { state.finish(permit, .abandoned, at: .seconds(now), chance: 0) }
        for _ in 0..<10 { now += 5; call(&state, .success, at: now) }
        #expect(state.phase == .closed)
    }
}

@Suite struct CircuitBreakerTests {
    @Test("an open circuit refuses at once, without calling")
    func refuses() async throws {
        let clock = ManualClock()
        let breaker = CircuitBreaker(
            "redis", policy: .init(minimumCalls: 2, trials: 1), now: { clock.now.offset }, chance: { 0.5 })
        for _ in 0..<2 { await #expect(throws: Failure.self) { try await breaker.run { throw Failure() } } }
        await #expect(throws: CircuitOpen(retryAfter: .milliseconds(500))) {
            try await breaker.run { Issue.record("called through an open circuit") }
        }
        #expect(breaker.report.status == .down)
        clock.advance(by: .milliseconds(500))
        #expect(try await breaker.run { 7 } == 7)
        #expect(breaker.report.status == .up)
        let metrics = Dictionary(uniqueKeysWithValues: breaker.metrics().map { ($0.name, $0.samples[0].value) })
        #expect(
            metrics == [
                "martlet_circuit_breaker_state": 0, "martlet_circuit_breaker_opened_total": 1,
                "martlet_circuit_breaker_refused_total": 1,
            ])
    }

    @Test("errors that are answers, and cancellations, do not open it")
    func answers() async {
        let breaker = CircuitBreaker("users", policy: .init(minimumCalls: 1))
        for _ in 0..<20 {
            await #expect(throws: Failure.self) { try await breaker.run(isFailure: { _ in false }) { throw Failure() } }
            await #expect(throws: CancellationError.self) { try await breaker.run { throw CancellationError() } }
        }
        #expect(breaker.report.status == .up)
    }
}
