import Reactor
import TestSupport
import Testing

@Suite("Backoff") struct BackoffTests {
    @Test("waits double from the lower to the upper bound, shortened by up to a half", arguments: UInt64(1)...20)
    func doubles(seed: UInt64) {
        var (backoff, random) = (Backoff(.milliseconds(100)...(.seconds(1))), SeededGenerator(seed: seed))
        for attempt in 0..<80 {
            let whole = min(Duration.milliseconds(100) * (1 << min(attempt, 16)), .seconds(1))
            let wait = backoff.next(using: &random)
            #expect(wait >= whole / 2 && wait <= whole)
        }
        backoff.reset()
        #expect(backoff.next(using: &random) <= .milliseconds(100))
    }

    @Test("waits vary", arguments: UInt64(1)...20)
    func varies(seed: UInt64) {
        var (backoff, random) = (Backoff(.milliseconds(100)...(.seconds(1))), SeededGenerator(seed: seed))
        let waits = (0..<12).map { _ in backoff.next(using: &random) }
        #expect(Set(waits).count == waits.count)
    }
}
