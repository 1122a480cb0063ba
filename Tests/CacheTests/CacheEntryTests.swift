import TestSupport
import Testing

@testable import Cache

@Suite("The format of entries in Redis") struct CacheEntryTests {
    @Test("an entry survives encoding and decoding, with any version and payload", arguments: UInt64(1)...50)
    func roundTrip(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let states: [CacheEntry.State] = [.value, .absent, .lease, .leaseWithValue, .leaseWithAbsent]
        let entry = CacheEntry(
            state: states[Int(seed) % states.count],
            version: [.min, -1, 0, 1, .max, Int64.random(in: .min ... .max, using: &random)][Int(seed) % 6],
            stamp: random.next(),
            payload: (0..<Int.random(in: 0...100, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) })
        #expect(CacheEntry(entry.bytes) == entry)
        #expect(CacheEntry(Array(entry.bytes.prefix(CacheEntry.headerCount)))?.stamp == entry.stamp)
    }

    @Test("encoded versions sort as the numbers do, because the scripts compare bytes")
    func order() {
        let versions: [Int64] = [.min, .min + 1, -1 << 32, -1, 0, 1, 1 << 32, 1 << 53, (1 << 53) + 1, .max]
        let bytes = versions.map { Array(CacheEntry(state: .value, version: $0).bytes[2..<10]) }
        #expect(zip(bytes, bytes.dropFirst()).allSatisfy { $0.lexicographicallyPrecedes($1) })
    }

    @Test("bytes of another format are not an entry")
    func foreign() {
        let bytes = CacheEntry(state: .value, version: 1, payload: [1]).bytes
        #expect(CacheEntry(Array(bytes.prefix(17))) == nil)
        #expect(CacheEntry([]) == nil)
        #expect(CacheEntry([2] + bytes.dropFirst()) == nil)
        #expect(CacheEntry([1, 0] + bytes.dropFirst(2)) == nil)
    }
}
