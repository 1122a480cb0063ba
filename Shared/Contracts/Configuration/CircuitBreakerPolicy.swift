/// When a circuit breaker opens, and for how long.
package struct CircuitBreakerPolicy: Sendable, Hashable {
    /// The share of failed calls that opens the breaker, 0 to 1.
    package var failureRatio: Double
    /// The number of calls within the window below which the breaker stays closed.
    package var minimumCalls: Int
    package var window: Duration
    /// The first time that the breaker stays open; doubles up to `openLimit` while the trials fail.
    package var open: Duration
    package var openLimit: Duration
    /// The number of calls that must succeed before the breaker closes.
    package var trials: Int

    package init(
        failureRatio: Double = 0.5, minimumCalls: Int = 10, window: Duration = .seconds(10), open: Duration = .milliseconds(500),
        openLimit: Duration = .seconds(4), trials: Int = 3
    ) {
        self.failureRatio = failureRatio
        self.minimumCalls = max(1, minimumCalls)
        self.window = window
        self.open = open
        self.openLimit = openLimit
        self.trials = max(1, trials)
    }
}

/// The section `circuitBreakers`: the policy of every breaker of a process that has no policy of its own.
extension CircuitBreakerPolicy: DynamicSection {
    package static let failureRatio = SectionField.number(
        "circuitBreakers.failureRatio", in: 0.05...1, default: 0.5, "share of failed calls that opens a breaker")
    package static let minimumCalls = SectionField.whole(
        "circuitBreakers.minimumCalls", in: 1...10_000, default: 10, "calls within the window below which it stays closed")
    package static let windowSeconds = SectionField.seconds(
        "circuitBreakers.windowSeconds", in: 1...60, default: 10, "window over which calls are counted, seconds")
    package static let openSeconds = SectionField.seconds(
        "circuitBreakers.openSeconds", in: 0.1...60, default: 0.5,
        "first time that it stays open, seconds; doubled while trials fail")
    package static let openLimitSeconds = SectionField.seconds(
        "circuitBreakers.openLimitSeconds", in: 0.1...300, default: 4, "longest time that it stays open, seconds")
    package static let trialCalls = SectionField.whole(
        "circuitBreakers.trialCalls", in: 1...100, default: 3, "calls that must succeed before it closes")

    package static let schema = SectionSchema(
        "circuitBreakers", [failureRatio, minimumCalls, windowSeconds, openSeconds, openLimitSeconds, trialCalls],
        orders: [SectionOrder("openSeconds", atMost: "openLimitSeconds")])

    package init(_ values: SectionValues) {
        let open = values.duration(Self.openSeconds)
        self.init(
            failureRatio: values.number(Self.failureRatio), minimumCalls: values.whole(Self.minimumCalls),
            window: values.duration(Self.windowSeconds), open: open,
            openLimit: max(open, values.duration(Self.openLimitSeconds)), trials: values.whole(Self.trialCalls))
    }
}
