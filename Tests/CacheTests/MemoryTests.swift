import Testing

@testable import Cache

@Suite struct MemoryTests {
    private typealias Remembered = Memory<String, String>.Remembered
    private let start = ContinuousClock.now
    private func at(_ seconds: Int) -> ContinuousClock.Instant { start + .seconds(seconds) }
    private func value(_ text: String, _ version: Int64, asOf seconds: Int) -> Remembered {
        Remembered(value: text, version: version, stamp: UInt64(seconds), asOf: at(seconds), byteCount: text.utf8.count)
    }

    @Test("the older version never takes the place of the newer, whatever comes first")
    func versions() {
        var memory = Memory<String, String>(maxCount: 10, maxBytes: 10_000)
        memory.remember("a", value("new", 2, asOf: 1))
        memory.remember("a", value("old", 1, asOf: 5))
        #expect(memory.any("a")?.value == "new")
        memory.remember("a", value("same", 2, asOf: 0))
        #expect(memory.any("a")?.value == "new")
        memory.remember("a", value("newest", 3, asOf: 0))
        #expect(memory.any("a")?.value == "newest")
    }

    @Test("who takes nothing old is shown nothing old, until it is confirmed")
    func age() {
        var memory = Memory<String, String>(maxCount: 10, maxBytes: 10_000)
        memory.remember("a", value("text", 1, asOf: 5))
        #expect(memory.fresh("a", asOf: at(5))?.value == "text")
        #expect(memory.fresh("a", asOf: at(6)) == nil)
        memory.confirm("a", asOf: at(9))
        #expect(memory.fresh("a", asOf: at(9))?.value == "text")
    }

    @Test("what was written counts as read once it was confirmed for somebody, until it is written again")
    func wasRead() {
        var memory = Memory<String, String>(maxCount: 10, maxBytes: 10_000)
        for version in Int64(1)...2 {
            var written = value("text", version, asOf: Int(version))
            written.wasRead = false
            memory.remember("a", written)
            #expect(memory.any("a")?.wasRead == false)
            memory.confirm("a", asOf: at(5))
            #expect(memory.any("a")?.wasRead == true)
        }
    }

    @Test("a notice takes away what is older than it says, and only that")
    func forget() {
        var memory = Memory<String, String>(maxCount: 10, maxBytes: 10_000)
        memory.remember("a", value("text", 4, asOf: 5))
        memory.forget("a", olderThan: 4)
        #expect(memory.any("a") != nil)
        memory.forget("a", olderThan: 5)
        #expect(memory.any("a") == nil)
        memory.remember("a", value("text", 4, asOf: 5))
        memory.forget("a", olderThan: nil)
        #expect(memory.any("a") == nil)
    }

    @Test("what was true before everything was forgotten is not remembered when it comes late")
    func late() {
        var memory = Memory<String, String>(maxCount: 10, maxBytes: 10_000)
        memory.remember("a", value("text", 4, asOf: 5))
        memory.forgetAll(at: at(6))
        memory.remember("b", value("text", 9, asOf: 5))
        #expect(memory.count == 0)
        memory.remember("b", value("text", 9, asOf: 6))
        #expect(memory.count == 1)
    }

    @Test("it stays within its bytes")
    func bytes() {
        var memory = Memory<Int, String>(maxCount: 1_000, maxBytes: 5_000)
        for key in 0..<200 {
            memory.remember(
                key, .init(value: "", version: 1, stamp: 0, asOf: at(0), byteCount: key))
            #expect(memory.byteCount <= 5_000)
        }
        #expect(memory.any(199) != nil)
        #expect(memory.any(0) == nil)
    }
}
