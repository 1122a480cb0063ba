import Testing

@testable import Cache

@Suite struct SingleFlightTests {
    private let start = ContinuousClock.now
    private func at(_ seconds: Int) -> ContinuousClock.Instant { start + .seconds(seconds) }

    @Test("one load runs for a key, however many ask")
    func one() {
        var flights = SingleFlight<String>()
        #expect(flights.join(1, ["a", "b"], notBefore: at(0), now: at(1)) == ["a", "b"])
        #expect(flights.join(2, ["b", "c"], notBefore: at(0), now: at(1)) == ["c"])
        #expect(flights.land("b", asOf: at(0), now: at(2)) == .init(readers: [1, 2], again: false))
        #expect(flights.land("a", asOf: at(0), now: at(2)) == .init(readers: [1], again: false))
        #expect(flights.land("c", asOf: at(1), now: at(2)) == .init(readers: [2], again: false))
        #expect(flights.count == 0)
    }

    @Test("who asked after a load began waits for the next one, together with the others")
    func next() {
        var flights = SingleFlight<String>()
        #expect(flights.join(1, ["a"], notBefore: at(0), now: at(0)) == ["a"])
        #expect(flights.join(2, ["a"], notBefore: at(1), now: at(1)) == [])
        #expect(flights.join(3, ["a"], notBefore: at(2), now: at(2)) == [])
        #expect(flights.join(4, ["a"], notBefore: at(-5), now: at(2)) == [])
        #expect(flights.land("a", asOf: at(0), now: at(3)) == .init(readers: [1, 4], again: true))
        #expect(flights.join(5, ["a"], notBefore: at(2), now: at(4)) == [])
        #expect(flights.join(6, ["a"], notBefore: at(3), now: at(4)) == [])
        #expect(flights.land("a", asOf: at(3), now: at(5)) == .init(readers: [2, 3, 5], again: true))
        #expect(flights.land("a", asOf: at(5), now: at(6)) == .init(readers: [6], again: false))
    }

    @Test("a load that turned out to be the newest later does for whoever asked before that")
    func confirmed() {
        var flights = SingleFlight<String>()
        _ = flights.join(1, ["a"], notBefore: at(0), now: at(0))
        _ = flights.join(2, ["a"], notBefore: at(1), now: at(1))
        _ = flights.join(3, ["a"], notBefore: at(3), now: at(3))
        #expect(flights.land("a", asOf: at(2), now: at(4)) == .init(readers: [1, 2], again: true))
        #expect(flights.land("a", asOf: at(4), now: at(5)) == .init(readers: [3], again: false))
    }

    @Test("a failure is everybody's: nobody waits to fail again")
    func crash() {
        var flights = SingleFlight<String>()
        _ = flights.join(1, ["a"], notBefore: at(0), now: at(0))
        _ = flights.join(2, ["a"], notBefore: at(1), now: at(1))
        #expect(flights.crash("a") == [1, 2])
        #expect(flights.join(3, ["a"], notBefore: at(2), now: at(2)) == ["a"])
    }
}
