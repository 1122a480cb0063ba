import Contracts
import Synchronization

/// Stops calling a dependency that fails, so that callers learn at once and it can recover. Safe from any thread.
package final class CircuitBreaker: Sendable {
    private struct Counts {
        var breaker: CircuitBreakerState
        var opened = 0
        var refused = 0
    }

    package let name: String
    private let state: Mutex<Counts>
    private let now: @Sendable () -> Duration
    private let chance: @Sendable () -> Double

    /// - Parameters:
    ///   - now: since any fixed moment; must not go back.
    ///   - chance: 0 to 1, another one each time.
    package init(
        _ name: String, policy: CircuitBreakerPolicy = CircuitBreakerPolicy(),
        now: @escaping @Sendable () -> Duration = CircuitBreaker.monotonic,
        chance: @escaping @Sendable () -> Double = { .random(in: 0...1) }
    ) {
        (self.name, self.now, self.chance) = (name, now, chance)
        state = Mutex(Counts(breaker: CircuitBreakerState(policy)))
    }

    /// Calls the dependency unless the circuit is open.
    ///
    /// - Parameter isFailure: whether an error speaks against the dependency; an answer such as "not found" does not. A cancellation never does.
    /// - Throws: ``CircuitOpen`` without having called `body`; whatever `body` throws.
    package func run<Result>(isFailure: (any Error) -> Bool = { _ in true }, _ body: () async throws -> Result) async throws
        -> Result
    {
        let permit = try ask()
        do {
            let result = try await body()
            finish(permit, .success)
            return result
        } catch {
            finish(permit, error is CancellationError ? .abandoned : isFailure(error) ? .failure : .success)
            throw error
        }
    }

    /// From now on it goes by `policy`.
    func use(_ policy: CircuitBreakerPolicy) { state.withLock { $0.breaker.use(policy) } }

    /// How it is doing, for `/healthz`.
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
            return ComponentReport(.degraded, "trying whether calls succeed again", details: details)
        case .open:
            details["state"] = "open"
            return ComponentReport(.down, "not called, as too many calls failed", details: details)
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
            CollectedMetric("martlet_circuit_breaker_state", .gauge, "0 closed, 0.5 half open, 1 open.", number, labels: labels),
            CollectedMetric("martlet_circuit_breaker_opened", .counter, "Times it opened.", Double(opened), labels: labels),
            CollectedMetric("martlet_circuit_breaker_refused", .counter, "Calls not made.", Double(refused), labels: labels),
        ]
    }

    private func ask() throws(CircuitOpen) -> CircuitBreakerState.Permit {
        let now = now()
        let answer = state.withLock { state in
            let answer = state.breaker.ask(at: now)
            if case .failure = answer { state.refused += 1 }
            return answer
        }
        return try answer.get()
    }

    private func finish(_ permit: CircuitBreakerState.Permit, _ outcome: CircuitBreakerState.Outcome) {
        let (now, chance) = (now(), chance())
        state.withLock { state in
            let before = state.breaker.phase
            state.breaker.finish(permit, outcome, at: now, chance: chance)
            if case .open = state.breaker.phase, before != state.breaker.phase { state.opened += 1 }
        }
    }

    private static let start = ContinuousClock.now

    /// Time since this was first asked.
    package static let monotonic: @Sendable () -> Duration = { start.duration(to: .now) }
}
