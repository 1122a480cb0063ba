import Testing

@testable import Cache

@Suite("The fence that keeps readers from stale keys") struct StaleKeyFenceTests {
    private let start = ContinuousClock.now
    private func at(_ seconds: Int) -> ContinuousClock.Instant { start + .seconds(seconds) }

    @Test("a key has a minimum version until its fence expires")
    func minimumVersion() {
        var fence = StaleKeyFence<String>(maxCount: 10)
        #expect(fence.add("a", below: 5, until: at(10), now: at(0)) == true)
        #expect(fence.minimumVersion(of: "a", asked: at(9)) == 5)
        #expect(fence.minimumVersion(of: "b", asked: at(9)) == nil)
        #expect(fence.minimumVersion(of: "a", asked: at(11)) == nil)
    }

    @Test("the highest version and the latest expiry count, in any order of arrival")
    func merge() {
        var fence = StaleKeyFence<String>(maxCount: 10)
        _ = fence.add("a", below: 5, until: at(10), now: at(0))
        _ = fence.add("a", below: 3, until: at(20), now: at(0))
        #expect(fence.minimumVersion(of: "a", asked: at(15)) == 5)
        fence.lift("a", upTo: 4, now: at(1))
        #expect(fence.minimumVersion(of: "a", asked: at(15)) == 5)
        _ = fence.add("a", below: nil, until: at(5), now: at(0))
        #expect(fence.minimumVersion(of: "a", asked: at(15)) == .max)
        fence.lift("a", upTo: nil, now: at(12))
        #expect(fence.minimumVersion(of: "a", asked: at(15)) == nil)
        // The answer to an earlier request may arrive after Redis received the invalidation, and be older.
        #expect(fence.minimumVersion(of: "a", asked: at(11)) == .max)
    }

    @Test("too many keys turn into a fence on all keys, until the last one would have expired")
    func overflow() {
        var fence = StaleKeyFence<Int>(maxCount: 3)
        for key in 0..<3 { #expect(fence.add(key, below: 1, until: at(10 + key), now: at(0)) == true) }
        #expect(!fence.coversAllKeys(at: at(0)))
        #expect(fence.add(3, below: 1, until: at(5), now: at(0)) == false)
        #expect(fence.coversAllKeys(at: at(11)))
        #expect(!fence.coversAllKeys(at: at(12)))
        #expect(fence.count == 0)
    }

    @Test("expired fences make room for new ones")
    func room() {
        var fence = StaleKeyFence<Int>(maxCount: 3)
        for key in 0..<3 { _ = fence.add(key, below: 1, until: at(1), now: at(0)) }
        #expect(fence.add(3, below: 1, until: at(9), now: at(62)) == true)
        #expect(fence.count == 1)
    }
}
