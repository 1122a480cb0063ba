/// How long to wait before the next try: 0.1 s, doubled up to 1 s, each shortened at random by up to a half so that many clients do not come at once.
struct Backoff {
    private static let first = 0.1
    private static let longest = 1.0
    private var upper = first

    mutating func next(using random: inout some RandomNumberGenerator) -> Duration {
        defer { upper = min(upper * 2, Self.longest) }
        return .seconds(Double.random(in: upper / 2...upper, using: &random))
    }

    mutating func reset() { upper = Self.first }
}
