import Contracts
import Synchronization

/// Stops calling a dependency that fails: callers get an error at once, and the dependency can recover.
///
/// Safe from any thread.
package final class CircuitBreaker: Sendable {
    private struct State {
        var breaker: CircuitBreakerState
        var opened = 0
        var refused = 0
    }

    package let name: String
    private let state: Mutex<State>
    private let now: @Sendable () -> Duration
    private let random: @Sendable () -> Double

    /// - Parameters:
    ///   - now: the time since any fixed moment; must not decrease.
    ///   - random: random numbers, 0 to 1.
    package init(
        _ name: String, policy: CircuitBreakerPolicy = CircuitBreakerPolicy(),
        now: @escaping @Sendable () -> Duration = CircuitBreaker.monotonic,
        random: @escaping @Sendable () -> Double = { .random(in: 0...1) }
    ) {
        self.name = name
        self.now = now
        self.random = random
        state = Mutex(State(breaker: CircuitBreakerState(policy)))
    }

    /// Calls the dependency unless the circuit is open.
    ///
    /// - Parameter isFailure: whether an error counts as a failure of the dependency. A response such as "not
    ///   found" should not. A cancellation never does.
    /// - Throws: ``CircuitOpen`` before `body` was called; an error of `body`.
    package func run<Result>(isFailure: (any Error) -> Bool = { _ in true }, _ body: () async throws -> Result) async throws
        -> Result
    {
        let permit = try requestPermit()
        do {
            let result = try await body()
            finish(permit, outcome: .success)
            return result
        } catch {
            finish(permit, outcome: error is CancellationError ? .abandoned : isFailure(error) ? .failure : .success)
            throw error
        }
    }

    /// Replaces the policy.
    func use(_ policy: CircuitBreakerPolicy) { state.withLock { $0.breaker.use(policy) } }

    /// The state of the circuit, for `/healthz`.
    package var report: ComponentReport {
        let now = now()
        let (phase, counts, opened) = state.withLock { ($0.breaker.phase, $0.breaker.counts(at: now), $0.opened) }
        var details = ["calls": "\(counts.calls)", "failures": "\(counts.failures)", "opened": "\(opened)"]
        switch phase {
        case .closed:
            details["state"] = "closed"
            return ComponentReport(.up, details: details)
        case .halfOpen:
            details["state"] = "halfOpen"
            return ComponentReport(.degraded, "testing whether calls succeed again", details: details)
        case .open:
            details["state"] = "open"
            return ComponentReport(.down, "not called, because too many calls failed", details: details)
        }
    }

    func metrics() -> [CollectedMetric] {
        let (phase, opened, refused) = state.withLock { ($0.breaker.phase, $0.opened, $0.refused) }
        let number: Double =
            switch phase {
            case .closed: 0
            case .halfOpen: 0.5
            case .open: 1
            }
        let labels = [("breaker", name)]
        return [
            CollectedMetric(
                "martlet_circuit_breaker_state", .gauge, help: "State of a circuit: 0 closed, 0.5 half open, 1 open.",
                value: number, labels: labels),
            CollectedMetric(
                "martlet_circuit_breaker_opened", .counter, help: "How often the circuit opened.", value: Double(opened),
                labels: labels),
            CollectedMetric(
                "martlet_circuit_breaker_refused", .counter, help: "Calls refused by an open circuit.", value: Double(refused),
                labels: labels),
        ]
    }

    private func requestPermit() throws(CircuitOpen) -> CircuitBreakerState.Permit {
        let now = now()
        let result = state.withLock { state in
            let result = state.breaker.requestPermit(at: now)
            if case .failure = result { state.refused += 1 }
            return result
        }
        return try result.get()
    }

    private func finish(_ permit: CircuitBreakerState.Permit, outcome: CircuitBreakerState.Outcome) {
        let (now, random) = (now(), random())
        state.withLock { state in
            let before = state.breaker.phase
            state.breaker.finish(permit, outcome: outcome, at: now, random: random)
            if case .open = state.breaker.phase, before != state.breaker.phase { state.opened += 1 }
        }
    }

    private static let start = ContinuousClock.now

    /// The time since the first use of this property.
    package static let monotonic: @Sendable () -> Duration = { start.duration(to: .now) }
}

/// The circuit breakers of a process that share one policy, which may change at run time.
final class CircuitBreakerRegistry: Sendable {
    private struct State {
        var policy = CircuitBreakerPolicy()
        var breakers: [CircuitBreaker] = []
    }

    private let state = Mutex(State())

    /// Creates a breaker with the shared policy. The registry keeps it as long as the process lives.
    func make(_ name: String) -> CircuitBreaker {
        state.withLock { state in
            let breaker = CircuitBreaker(name, policy: state.policy)
            state.breakers.append(breaker)
            return breaker
        }
    }

    /// Replaces the policy of all breakers, present and future.
    func use(_ policy: CircuitBreakerPolicy) {
        let breakers = state.withLock { state in
            state.policy = policy
            return state.breakers
        }
        for breaker in breakers { breaker.use(policy) }
    }
}

extension ServiceContext {
    /// Creates a circuit breaker that `/healthz` and `/metrics` show. Use one per dependency, with a unique
    /// name.
    ///
    /// - Parameter policy: a fixed policy; without one, the shared policy applies, which admins may change.
    package func breaker(_ name: String, policy: CircuitBreakerPolicy? = nil) -> CircuitBreaker {
        let breaker = policy.map { CircuitBreaker(name, policy: $0) } ?? breakers.make(name)
        health.add("breaker.\(name)", .detail) { breaker.report }
        metrics.onCollect { breaker.metrics() }
        return breaker
    }
}
