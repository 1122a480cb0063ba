import TestSupport
import Testing

@testable import Config

@Suite("Partition assignment") struct PartitionAssignmentTests {
    /// The owners after a random sequence of joins and leaves, where each transfer takes effect at once.
    private struct Ownership {
        let partitionCount: Int
        var owner: [Int: MemberID] = [:]
        var members: [MemberID] = []

        var counts: [Int] { members.map { member in owner.values.count { $0 == member } } }

        /// Applies the transfers and returns them.
        mutating func rebalance(leaving: Set<MemberID> = []) -> [PartitionAssignment.Transfer] {
            func owned(_ member: MemberID) -> [Int] { owner.filter { $0.value == member }.map(\.key).sorted() }
            let staying = members.filter { !leaving.contains($0) }.map { ($0, owned($0)) }
            let moves = PartitionAssignment.transfers(
                free: (0..<partitionCount).filter { owner[$0] == nil },
                leaving: Dictionary(uniqueKeysWithValues: leaving.map { ($0, owned($0)) }),
                staying: Dictionary(uniqueKeysWithValues: staying.map { ($0, .init(count: $1.count, movable: $1)) }))
            for move in moves.urgent + moves.evening {
                #expect(owner[move.partition] == move.previous)
                owner[move.partition] = move.next
            }
            return moves.urgent + moves.evening
        }
    }

    @Test(
        "after every join, leave and death, each partition has one owner, the numbers are even, and the fewest partitions move",
        arguments: UInt64(1)...40)
    func walk(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var world = Ownership(partitionCount: Int.random(in: 1...400, using: &random))
        for step in 0..<60 {
            var leaving: Set<MemberID> = []
            let before = world
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1: world.members.append(.init(instance: "m\(step)", incarnation: "1"))
            case 2: leaving = Set(world.members.randomElement(using: &random).map { [$0] } ?? [])
            default:
                guard let dead = world.members.randomElement(using: &random) else { continue }
                world.members.removeAll { $0 == dead }
                world.owner = world.owner.filter { $0.value != dead }
            }
            let free = world.partitionCount - world.owner.count
            let left = world.owner.values.count { leaving.contains($0) }
            let kept = world.members.filter { !leaving.contains($0) }.map { id in world.owner.values.count { $0 == id } }
            let moves = world.rebalance(leaving: leaving)
            guard world.members.count > leaving.count else {
                #expect(moves.isEmpty)
                continue
            }
            world.members.removeAll(where: leaving.contains)
            #expect(world.owner.count == world.partitionCount)
            #expect(Set(moves.map(\.partition)).count == moves.count)
            #expect((world.counts.max() ?? 0) - (world.counts.min() ?? 0) <= 1)
            #expect(moves.count == free + left + Self.fewest(kept, of: world.partitionCount), "\(before.counts)")
        }
    }

    /// Returns the fewest partitions that the remaining members must give away: whatever exceeds the even
    /// share, where as many members as possible keep one more.
    private static func fewest(_ kept: [Int], of total: Int) -> Int {
        let (base, extra) = total.quotientAndRemainder(dividingBy: kept.count)
        return kept.sorted(by: >).enumerated().reduce(0) { $0 + max(0, $1.element - base - ($1.offset < extra ? 1 : 0)) }
    }

    @Test("every prefix of the transfers is spread over givers and receivers")
    func spread() {
        func id(_ name: String) -> MemberID { .init(instance: name, incarnation: "1") }
        let moves = PartitionAssignment.transfers(
            free: [], leaving: [:],
            staying: [
                id("a"): .init(count: 40, movable: Array(0..<40)), id("b"): .init(count: 40, movable: Array(40..<80)),
                id("c"): .init(count: 0, movable: []), id("d"): .init(count: 0, movable: []),
            ])
        #expect(moves.urgent.isEmpty)
        #expect(moves.evening.count == 40)
        for count in stride(from: 2, through: 40, by: 2) {
            let beginning = moves.evening.prefix(count)
            for name in ["a", "b"] { #expect(beginning.count { $0.previous == id(name) } == count / 2) }
            for name in ["c", "d"] { #expect(beginning.count { $0.next == id(name) } == count / 2) }
        }
    }
}
