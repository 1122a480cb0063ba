import Contracts
import Synchronization

/// The circuit breakers of a process that go by one policy, which may change while they work.
final class Breakers: Sendable {
    private struct State {
        var policy = CircuitBreakerPolicy()
        var made: [CircuitBreaker] = []
    }

    private let state = Mutex(State())

    /// One more; there are as many as there are dependencies.
    func make(_ name: String) -> CircuitBreaker {
        state.withLock { state in
            let breaker = CircuitBreaker(name, policy: state.policy)
            state.made.append(breaker)
            return breaker
        }
    }

    func use(_ policy: CircuitBreakerPolicy) {
        let made = state.withLock { state in
            state.policy = policy
            return state.made
        }
        for breaker in made { breaker.use(policy) }
    }
}
