/// Exponential backoff with jitter: the waits between attempts, from the lower to the upper bound of a range.
///
/// The wait doubles with each attempt. Each is shortened at random by up to a half, so that clients do not
/// retry in step.
package struct Backoff: Sendable {
    package let range: ClosedRange<Duration>
    private var attempt = 0

    package init(_ range: ClosedRange<Duration>) { self.range = range }

    /// Starts again at the lower bound.
    package mutating func reset() { attempt = 0 }

    package mutating func next(using random: inout some RandomNumberGenerator) -> Duration {
        let grown = range.lowerBound * (1 << min(attempt, 16))
        attempt += 1
        return min(grown, range.upperBound) * Double.random(in: 0.5...1, using: &random)
    }

    package mutating func next() -> Duration {
        var random = SystemRandomNumberGenerator()
        return next(using: &random)
    }
}
