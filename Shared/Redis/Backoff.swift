/// Waits between attempts to connect: 0.1 s, doubling to 1 s, each spread over its upper half so that processes do not come back in step.
struct Backoff {
    private var attempt = 0

    mutating func next(using random: inout some RandomNumberGenerator) -> Duration {
        let full = min(100 << min(attempt, 4), 1_000)
        attempt += 1
        return .milliseconds(Int.random(in: full / 2...full, using: &random))
    }

    mutating func reset() { attempt = 0 }
}
