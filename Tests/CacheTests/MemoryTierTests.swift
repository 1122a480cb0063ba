import Testing

@testable import Cache

@Suite("The cache in process memory") struct MemoryTierTests {
    private typealias CachedValue = MemoryTier<String, String>.CachedValue
    private let start = ContinuousClock.now
    private func at(_ seconds: Int) -> ContinuousClock.Instant { start + .seconds(seconds) }
    private func value(_ text: String, _ version: Int64, asOf seconds: Int) -> CachedValue {
        CachedValue(value: text, version: version, stamp: UInt64(seconds), asOf: at(seconds), byteCount: text.utf8.count)
    }

    @Test("an older version never replaces a newer one, in any order of arrival")
    func versions() {
        var memory = MemoryTier<String, String>(maxCount: 10, maxBytes: 10_000)
        memory.store(value("new", 2, asOf: 1), for: "a")
        memory.store(value("old", 1, asOf: 5), for: "a")
        #expect(memory.peek("a")?.value == "new")
        memory.store(value("same", 2, asOf: 0), for: "a")
        #expect(memory.peek("a")?.value == "new")
        memory.store(value("newest", 3, asOf: 0), for: "a")
        #expect(memory.peek("a")?.value == "newest")
    }

    @Test("a reader gets no value older than it accepts, until the value is confirmed")
    func age() {
        var memory = MemoryTier<String, String>(maxCount: 10, maxBytes: 10_000)
        memory.store(value("text", 1, asOf: 5), for: "a")
        #expect(memory.fresh("a", asOf: at(5))?.value == "text")
        #expect(memory.fresh("a", asOf: at(6)) == nil)
        memory.confirm("a", asOf: at(9))
        #expect(memory.fresh("a", asOf: at(9))?.value == "text")
    }

    @Test("a written value counts as read once a reader has confirmed it, until the next write")
    func wasRead() {
        var memory = MemoryTier<String, String>(maxCount: 10, maxBytes: 10_000)
        for version in Int64(1)...2 {
            var written = value("text", version, asOf: Int(version))
            written.wasRead = false
            memory.store(written, for: "a")
            #expect(memory.peek("a")?.wasRead == false)
            memory.confirm("a", asOf: at(5))
            #expect(memory.peek("a")?.wasRead == true)
        }
    }

    @Test("a notice removes older versions only")
    func forget() {
        var memory = MemoryTier<String, String>(maxCount: 10, maxBytes: 10_000)
        memory.store(value("text", 4, asOf: 5), for: "a")
        memory.invalidate("a", olderThan: 4)
        #expect(memory.peek("a") != nil)
        memory.invalidate("a", olderThan: 5)
        #expect(memory.peek("a") == nil)
        memory.store(value("text", 4, asOf: 5), for: "a")
        memory.invalidate("a", olderThan: nil)
        #expect(memory.peek("a") == nil)
    }

    @Test("a value from before a removal of all values is not stored when it arrives later")
    func late() {
        var memory = MemoryTier<String, String>(maxCount: 10, maxBytes: 10_000)
        memory.store(value("text", 4, asOf: 5), for: "a")
        memory.removeAll(at: at(6))
        memory.store(value("text", 9, asOf: 5), for: "b")
        #expect(memory.count == 0)
        memory.store(value("text", 9, asOf: 6), for: "b")
        #expect(memory.count == 1)
    }

    @Test("it stays within its maximum size")
    func bytes() {
        var memory = MemoryTier<Int, String>(maxCount: 1_000, maxBytes: 5_000)
        for key in 0..<200 {
            memory.store(.init(value: "", version: 1, stamp: 0, asOf: at(0), byteCount: key), for: key)
            #expect(memory.byteCount <= 5_000)
        }
        #expect(memory.peek(199) != nil)
        #expect(memory.peek(0) == nil)
    }
}
