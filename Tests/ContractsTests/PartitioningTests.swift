import Contracts
import TestSupport
import Testing

@Suite("Partitions") struct PartitioningTests {
    /// Calculated by another implementation: Python, `h = (h ^ b) * 16777619 & 0xffffffff` from 2166136261.
    @Test(
        "a user's partition is FNV-1a over the id's eight bytes",
        arguments: [(1, 360), (255, 360), (7_239_461_028_372_480, 360), (Int64.max, 20_000)] as [(Int64, Int)])
    func known(id: Int64, count: Int) {
        let expected: [Int64: Int] = [1: 250, 255: 176, 7_239_461_028_372_480: 286, Int64.max: 8989]
        #expect(Partitioning.partition(of: UserID(rawValue: id), count: count) == expected[id])
    }

    @Test("consecutive ids are spread evenly")
    func even() {
        var counts = [Int](repeating: 0, count: 360)
        for id in 1...36_000 as ClosedRange<Int64> {
            counts[Partitioning.partition(of: UserID(rawValue: id << 22), count: 360)] += 1
        }
        #expect(counts.allSatisfy { (40...180).contains($0) })
    }

    @Test("a set of partitions reads as it was written")
    func sets() throws {
        var random = SeededGenerator(seed: 5)
        for _ in 0..<200 {
            let set = PartitionSet(
                (0..<Int.random(in: 0...40, using: &random)).map { _ in Int.random(in: 0..<60, using: &random) })
            #expect(PartitionSet(set.description) == set)
        }
        #expect(PartitionSet([0, 1, 2, 5, 7, 8]).description == "0-2,5,7-8")
        for wrong in ["a", "3-1", "1,,2", "1-2-3", "-1", "20000", "1,0", "1-2,3", "+1", "01"] {
            #expect(PartitionSet(wrong) == nil, "\(wrong)")
        }
    }
}
