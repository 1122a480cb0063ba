import Bus
import Contracts

extension ServiceContext {
    /// What admins change while we run becomes part of ``settings``, and the circuit breakers go by it. Once, before the bus runs; give it to ``run(_:migrate:)``
    /// behind the bus.
    ///
    /// ```swift
    /// let dynamic = try context.dynamic(bus)
    /// let pages = try dynamic.current(PageSizes.self)  // pages.now
    /// ```
    package func dynamic(_ bus: Bus, clock: any Clock<Duration> = ContinuousClock()) throws(ConfigurationError) -> DynamicSettings
    {
        let dynamic = DynamicSettings(settings, values: dynamicValues, clock: clock, logger: logger) {
            try await bus.call(ListSections()).items
        }
        bus.subscribe(dynamic.feed)
        health.add("configuration", .detail) { dynamic.report }
        metrics.onCollect { dynamic.metrics() }
        try dynamic.follow(CircuitBreakerPolicy.self) { [breakers] in breakers.use($0) }
        return dynamic
    }
}
