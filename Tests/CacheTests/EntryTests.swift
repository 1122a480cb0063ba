import TestSupport
import Testing

@testable import Cache

@Suite struct EntryTests {
    @Test("an entry comes back as it went, whatever its version and payload", arguments: UInt64(1)...50)
    func roundTrip(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let states: [Entry.State] = [.value, .absent, .lease, .leaseWithValue, .leaseWithAbsent]
        let entry = Entry(
            state: states[Int(seed) % states.count],
            version: [.min, -1, 0, 1, .max, Int64.random(in: .min ... .max, using: &random)][Int(seed) % 6],
            stamp: random.next(),
            payload: (0..<Int.random(in: 0...100, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) })
        #expect(Entry(entry.bytes) == entry)
        #expect(Entry(Array(entry.bytes.prefix(Entry.headerCount)))?.stamp == entry.stamp)
    }

    @Test("versions sort as bytes as they sort as numbers: the scripts compare bytes")
    func order() {
        let versions: [Int64] = [.min, .min + 1, -1 << 32, -1, 0, 1, 1 << 32, 1 << 53, (1 << 53) + 1, .max]
        let bytes = versions.map { Array(Entry(state: .value, version: $0).bytes[2..<10]) }
        #expect(zip(bytes, bytes.dropFirst()).allSatisfy { $0.lexicographicallyPrecedes($1) })
    }

    @Test("what this build did not write is no entry")
    func foreign() {
        let bytes = Entry(state: .value, version: 1, payload: [1]).bytes
        #expect(Entry(Array(bytes.prefix(17))) == nil)
        #expect(Entry([]) == nil)
        #expect(Entry([2] + bytes.dropFirst()) == nil)
        #expect(Entry([1, 0] + bytes.dropFirst(2)) == nil)
    }
}
