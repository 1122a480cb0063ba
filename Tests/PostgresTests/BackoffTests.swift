import TestSupport
import Testing

@testable import Postgres

@Suite("Back-off") struct BackoffTests {
    @Test("tries are 0.1 s apart at first and 1 s at most, and vary", arguments: UInt64(1)...20)
    func grows(seed: UInt64) {
        var (backoff, random) = (Backoff(), SeededGenerator(seed: seed))
        let waits = (0..<12).map { _ in backoff.next(using: &random) }
        #expect(waits[0] <= .milliseconds(100))
        #expect(waits.allSatisfy { $0 >= .milliseconds(50) && $0 <= .seconds(1) })
        #expect(waits.suffix(6).allSatisfy { $0 >= .milliseconds(500) })
        #expect(Set(waits).count == waits.count)
        backoff.reset()
        #expect(backoff.next(using: &random) <= .milliseconds(100))
    }
}
