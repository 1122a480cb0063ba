/// When the circuit breakers of a process open, and for how long: for whoever makes them with ``ServiceContext/breaker(_:policy:)``.
extension CircuitBreakerPolicy: DynamicSection {
    package static let failureRatio = Setting<Double>.number(
        "circuitBreakers.failureRatio", in: 0.05...1, default: 0.5, "share of failed calls that opens a breaker")
    package static let minimumCalls = Setting<Int>.whole(
        "circuitBreakers.minimumCalls", in: 1...10_000, default: 10, "calls within the window below which it stays closed")
    package static let windowSeconds = Setting<Duration>.seconds(
        "circuitBreakers.windowSeconds", in: 1...60, default: 10, "seconds over which calls are counted")
    package static let openSeconds = Setting<Duration>.seconds(
        "circuitBreakers.openSeconds", in: 0.1...60, default: 0.5,
        "seconds that it stays open at first; doubled while trials fail")
    package static let openLimitSeconds = Setting<Duration>.seconds(
        "circuitBreakers.openLimitSeconds", in: 0.1...300, default: 4, "seconds that it stays open at most")
    package static let trialCalls = Setting<Int>.whole(
        "circuitBreakers.trialCalls", in: 1...100, default: 3, "calls that must succeed before it closes")

    package static let schema = SectionSchema(
        "circuitBreakers",
        [
            SectionField(failureRatio), SectionField(minimumCalls), SectionField(windowSeconds), SectionField(openSeconds),
            SectionField(openLimitSeconds), SectionField(trialCalls),
        ], orders: [SectionOrder("openSeconds", atMost: "openLimitSeconds")])

    package init(_ settings: Settings) throws(ConfigurationError) {
        let open = try settings.value(Self.openSeconds)
        self.init(
            failureRatio: try settings.value(Self.failureRatio), minimumCalls: try settings.value(Self.minimumCalls),
            window: try settings.value(Self.windowSeconds), open: open,
            openLimit: max(open, try settings.value(Self.openLimitSeconds)), trials: try settings.value(Self.trialCalls))
    }
}
