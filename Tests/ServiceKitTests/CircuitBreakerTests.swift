import Contracts
import TestSupport
import Testing

@testable import ServiceKit

@Suite("The rules of the circuit breaker") struct CircuitBreakerStateTests {
    private static let policy = CircuitBreakerPolicy(
        failureRatio: 0.5, minimumCalls: 4, window: .seconds(10), open: .seconds(1), openLimit: .seconds(4), trials: 2)

    /// Requests a permit and finishes with `outcome`. Returns whether the call was permitted.
    @discardableResult
    private func call(_ state: inout CircuitBreakerState, _ outcome: CircuitBreakerState.Outcome, at seconds: Double) -> Bool {
        guard case .success(let permit) = state.requestPermit(at: .seconds(seconds)) else { return false }
        state.finish(permit, outcome: outcome, at: .seconds(seconds), random: 0.5)
        return true
    }

    private func opened(at seconds: Double = 0) -> CircuitBreakerState {
        var state = CircuitBreakerState(Self.policy)
        for _ in 0..<4 { call(&state, .failure, at: seconds) }
        return state
    }

    @Test("the circuit opens when enough calls were made and enough of them failed")
    func opens() {
        var state = CircuitBreakerState(Self.policy)
        for outcome in [.failure, .failure, .success] as [CircuitBreakerState.Outcome] { call(&state, outcome, at: 0) }
        #expect(state.phase == .closed)
        call(&state, .success, at: 0)
        #expect(state.phase == .open(until: .seconds(1)) || state.phase == .closed)
        call(&state, .failure, at: 0)
        #expect(state.phase == .open(until: .seconds(1)))
        #expect(state.requestPermit(at: .seconds(0.25)) == .failure(CircuitOpen(retryAfter: .seconds(0.75))))
    }

    @Test("failures outside the window do not count; abandoned calls never do")
    func window() {
        var state = CircuitBreakerState(Self.policy)
        for _ in 0..<3 { call(&state, .failure, at: 0) }
        for _ in 0..<20 { call(&state, .abandoned, at: 5) }
        call(&state, .failure, at: 10)
        #expect(state.phase == .closed)
        #expect(state.counts(at: .seconds(10)) == (1, 1))
    }

    @Test("after the open time a few trials are permitted, and the circuit closes when they succeed")
    func closes() {
        var state = opened()
        guard case .success(let first) = state.requestPermit(at: .seconds(1)),
            case .success(let second) = state.requestPermit(at: .seconds(1))
        else {
            Issue.record("two trials should have passed")
            return
        }
        #expect(state.requestPermit(at: .seconds(1)) == .failure(CircuitOpen(retryAfter: .seconds(1))))
        state.finish(first, outcome: .success, at: .seconds(1), random: 0)
        state.finish(second, outcome: .success, at: .seconds(1), random: 0)
        #expect(state.phase == .closed)
        #expect(state.counts(at: .seconds(1)) == (0, 0))
    }

    @Test("a new policy applies at once, to the counts and to completed trials")
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

    @Test("the breakers of a process use the present policy, whether made before or after it")
    func ofAProcess() async {
        let breakers = CircuitBreakerRegistry()
        let before = breakers.make("before")
        breakers.use(CircuitBreakerPolicy(minimumCalls: 1))
        for breaker in [before, breakers.make("after")] {
            await #expect(throws: Failure.self) { try await breaker.run { throw Failure() } }
            await #expect(throws: CircuitOpen.self) { try await breaker.run {} }
        }
    }

    @Test("a failed trial doubles the open time up to a limit; closing resets it")
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

    @Test("an abandoned trial permits another one")
    func abandonedTrial() {
        var state = opened()
        for _ in 0..<5 { #expect(call(&state, .abandoned, at: 1)) }
        #expect(state.phase == .halfOpen(inFlight: 0, succeeded: 0))
    }

    @Test("outcomes of calls from an earlier phase change nothing")
    func lateAnswers() {
        var state = CircuitBreakerState(Self.policy)
        guard case .success(let slow) = state.requestPermit(at: .zero) else { return }
        for _ in 0..<4 { call(&state, .failure, at: 0) }
        _ = state.requestPermit(at: .seconds(1))
        state.finish(slow, outcome: .failure, at: .seconds(1), random: 0)
        #expect(state.phase == .halfOpen(inFlight: 1, succeeded: 0))
        state.finish(slow, outcome: .success, at: .seconds(1), random: 0)
        #expect(state.phase == .halfOpen(inFlight: 1, succeeded: 0))
    }

    @Test("the open time varies by 25 % in both directions", arguments: [(0.0, 0.75), (1.0, 1.25)])
    func jitter(random: Double, seconds: Double) {
        var state = CircuitBreakerState(Self.policy)
        for _ in 0..<4 {
            guard case .success(let permit) = state.requestPermit(at: .zero) else { return }
            state.finish(permit, outcome: .failure, at: .zero, random: random)
        }
        #expect(state.phase == .open(until: .seconds(seconds)))
    }

    @Test("trials stay within their limit and the circuit recovers, in any order of events", arguments: UInt64(1)...100)
    func anyOrder(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var (state, now, inFlight, openings) = (CircuitBreakerState(Self.policy), 0.0, [CircuitBreakerState.Permit](), 0)
        for _ in 0..<2_000 {
            now += Double.random(in: 0...0.2, using: &random)
            let before = state.phase
            if Bool.random(using: &random) {
                if case .success(let permit) = state.requestPermit(at: .seconds(now)) { inFlight.append(permit) }
            } else if let index = inFlight.indices.randomElement(using: &random) {
                let outcomes: [CircuitBreakerState.Outcome] = [.success, .failure, .failure, .abandoned]
                let outcome = outcomes.randomElement(using: &random) ?? .failure
                state.finish(
                    inFlight.remove(at: index), outcome: outcome, at: .seconds(now),
                    random: Double.random(in: 0...1, using: &random))
            }
            if case .open(let until) = state.phase {
                if before != state.phase { openings += 1 }
                #expect(until - .seconds(now) <= .seconds(5))
            }
            if case .halfOpen(let trials, let succeeded) = state.phase { #expect(trials >= 0 && trials + succeeded <= 2) }
        }
        #expect(openings > 0)  // guards against a run without openings
        for permit in inFlight { state.finish(permit, outcome: .abandoned, at: .seconds(now), random: 0) }
        for _ in 0..<10 { now += 5; call(&state, .success, at: now) }
        #expect(state.phase == .closed)
    }
}

@Suite("The circuit breaker") struct CircuitBreakerTests {
    @Test("an open circuit refuses at once, without a call")
    func refuses() async throws {
        let clock = ManualClock()
        let breaker = CircuitBreaker(
            "redis", policy: .init(minimumCalls: 2, trials: 1), now: { clock.now.offset }, random: { 0.5 })
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

    @Test("errors that are not failures, and cancellations, do not open the circuit")
    func answers() async {
        let breaker = CircuitBreaker("users", policy: .init(minimumCalls: 1))
        for _ in 0..<20 {
            await #expect(throws: Failure.self) { try await breaker.run(isFailure: { _ in false }) { throw Failure() } }
            await #expect(throws: CancellationError.self) { try await breaker.run { throw CancellationError() } }
        }
        #expect(breaker.report.status == .up)
    }
}
