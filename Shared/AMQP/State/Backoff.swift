/// How long to wait before the next try: doubles from the least to the most, each wait jittered down by up to a half so that many clients do not come at once.
struct Backoff {
    let range: ClosedRange<Duration>
    private var attempt = 0

    init(_ range: ClosedRange<Duration>) { self.range = range }

    /// Something worked for long enough; begin again with the least.
    mutating func reset() { attempt = 0 }

    mutating func next(using random: inout some RandomNumberGenerator) -> Duration {
        let grown = range.lowerBound * (1 << min(attempt, 16))
        attempt += 1
        return min(grown, range.upperBound) * Double.random(in: 0.5...1, using: &random)
    }

    mutating func next() -> Duration {
        var random = SystemRandomNumberGenerator()
        return next(using: &random)
    }
}
