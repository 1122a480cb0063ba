import Testing

@testable import Cache

@Suite("One load at a time per key") struct SingleFlightTests {
    private let start = ContinuousClock.now
    private func at(_ seconds: Int) -> ContinuousClock.Instant { start + .seconds(seconds) }

    @Test("one load runs for a key, however many readers wait")
    func one() {
        var flights = SingleFlight<String>()
        #expect(flights.join(1, keys: ["a", "b"], notBefore: at(0), now: at(1)) == ["a", "b"])
        #expect(flights.join(2, keys: ["b", "c"], notBefore: at(0), now: at(1)) == ["c"])
        #expect(flights.complete("b", asOf: at(0), now: at(2)) == .init(waiters: [1, 2], needsReload: false))
        #expect(flights.complete("a", asOf: at(0), now: at(2)) == .init(waiters: [1], needsReload: false))
        #expect(flights.complete("c", asOf: at(1), now: at(2)) == .init(waiters: [2], needsReload: false))
        #expect(flights.count == 0)
    }

    @Test("readers that asked after a load started share the next one")
    func next() {
        var flights = SingleFlight<String>()
        #expect(flights.join(1, keys: ["a"], notBefore: at(0), now: at(0)) == ["a"])
        #expect(flights.join(2, keys: ["a"], notBefore: at(1), now: at(1)) == [])
        #expect(flights.join(3, keys: ["a"], notBefore: at(2), now: at(2)) == [])
        #expect(flights.join(4, keys: ["a"], notBefore: at(-5), now: at(2)) == [])
        #expect(flights.complete("a", asOf: at(0), now: at(3)) == .init(waiters: [1, 4], needsReload: true))
        #expect(flights.join(5, keys: ["a"], notBefore: at(2), now: at(4)) == [])
        #expect(flights.join(6, keys: ["a"], notBefore: at(3), now: at(4)) == [])
        #expect(flights.complete("a", asOf: at(3), now: at(5)) == .init(waiters: [2, 3, 5], needsReload: true))
        #expect(flights.complete("a", asOf: at(5), now: at(6)) == .init(waiters: [6], needsReload: false))
    }

    @Test("a load that is confirmed as current later also serves readers that asked before the confirmation")
    func confirmed() {
        var flights = SingleFlight<String>()
        _ = flights.join(1, keys: ["a"], notBefore: at(0), now: at(0))
        _ = flights.join(2, keys: ["a"], notBefore: at(1), now: at(1))
        _ = flights.join(3, keys: ["a"], notBefore: at(3), now: at(3))
        #expect(flights.complete("a", asOf: at(2), now: at(4)) == .init(waiters: [1, 2], needsReload: true))
        #expect(flights.complete("a", asOf: at(4), now: at(5)) == .init(waiters: [3], needsReload: false))
    }

    @Test("a failure ends all waits for the key; none waits for a second failure")
    func failure() {
        var flights = SingleFlight<String>()
        _ = flights.join(1, keys: ["a"], notBefore: at(0), now: at(0))
        _ = flights.join(2, keys: ["a"], notBefore: at(1), now: at(1))
        #expect(flights.fail("a") == [1, 2])
        #expect(flights.join(3, keys: ["a"], notBefore: at(2), now: at(2)) == ["a"])
    }
}
