import Testing

@testable import Cache

@Suite struct DistrustTests {
    private let start = ContinuousClock.now
    private func at(_ seconds: Int) -> ContinuousClock.Instant { start + .seconds(seconds) }

    @Test("a key is distrusted below a version until its time is up")
    func floor() {
        var distrust = Distrust<String>(maxCount: 10)
        #expect(distrust.add("a", below: 5, until: at(10), now: at(0)) == true)
        #expect(distrust.floor("a", asked: at(9)) == 5)
        #expect(distrust.floor("b", asked: at(9)) == nil)
        #expect(distrust.floor("a", asked: at(11)) == nil)
    }

    @Test("the highest version and the latest end count, in whatever order they come")
    func merge() {
        var distrust = Distrust<String>(maxCount: 10)
        _ = distrust.add("a", below: 5, until: at(10), now: at(0))
        _ = distrust.add("a", below: 3, until: at(20), now: at(0))
        #expect(distrust.floor("a", asked: at(15)) == 5)
        distrust.end("a", upTo: 4, now: at(1))
        #expect(distrust.floor("a", asked: at(15)) == 5)
        _ = distrust.add("a", below: nil, until: at(5), now: at(0))
        #expect(distrust.floor("a", asked: at(15)) == .max)
        distrust.end("a", upTo: nil, now: at(12))
        #expect(distrust.floor("a", asked: at(15)) == nil)
        // An answer to an earlier question may come after Redis was told, and be older.
        #expect(distrust.floor("a", asked: at(11)) == .max)
    }

    @Test("too many keys make it a matter of all of them, until the last would have ended")
    func overflow() {
        var distrust = Distrust<Int>(maxCount: 3)
        for key in 0..<3 { #expect(distrust.add(key, below: 1, until: at(10 + key), now: at(0)) == true) }
        #expect(!distrust.isTotal(at: at(0)))
        #expect(distrust.add(3, below: 1, until: at(5), now: at(0)) == false)
        #expect(distrust.isTotal(at: at(11)))
        #expect(!distrust.isTotal(at: at(12)))
        #expect(distrust.count == 0)
    }

    @Test("keys whose time is up make room")
    func room() {
        var distrust = Distrust<Int>(maxCount: 3)
        for key in 0..<3 { _ = distrust.add(key, below: 1, until: at(1), now: at(0)) }
        #expect(distrust.add(3, below: 1, until: at(9), now: at(62)) == true)
        #expect(distrust.count == 1)
    }
}
