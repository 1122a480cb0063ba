import Contracts

extension ServiceContext {
    /// A circuit breaker that `/healthz` and `/metrics` show. One per dependency, by a name of its own.
    ///
    /// - Parameter policy: when given, it is fixed; else the process's, which admins may change.
    package func breaker(_ name: String, policy: CircuitBreakerPolicy? = nil) -> CircuitBreaker {
        let breaker = policy.map { CircuitBreaker(name, policy: $0) } ?? breakers.make(name)
        health.add("breaker.\(name)", .detail) { breaker.report }
        metrics.onCollect { breaker.metrics() }
        return breaker
    }

    /// A gate that `/metrics` shows, by a name of its own.
    /// - Parameters: as for ``Admission``.
    package func admission(_ name: String, limit: Int, queue: Int, wait: Duration) -> Admission {
        let admission = Admission(name, limit: limit, queue: queue, wait: wait)
        metrics.onCollect { admission.metrics() }
        return admission
    }
}
