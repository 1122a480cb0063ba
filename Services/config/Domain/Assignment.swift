/// Who should have which partitions: everybody as many as everybody else, or one more, reached with the fewest moves.
enum Assignment {
    struct Move: Hashable, Sendable {
        let partition: Int
        /// Nobody has it.
        let previous: MemberID?
        let next: MemberID
    }

    /// What somebody has.
    struct Share: Sendable {
        /// With those on their way to them, without those on their way to others.
        var count: Int
        /// Those of them that may be moved now, in the order in which they are given away last to first.
        var movable: [Int]
    }

    /// What is to be moved. Those who stay and have the most keep one more than the others, where it does not come out even: so nothing moves
    /// that need not.
    ///
    /// - Parameters:
    ///   - free: nobody has them.
    ///   - leaving: whoever has these is to have nothing.
    ///   - staying: who partitions may go to.
    /// - Returns: `urgent`, for what nobody has or somebody leaves behind, and what only evens out. Both alternate between givers and between
    ///   takers, so that any beginning of them is spread over all. Empty when nobody stays.
    static func moves(
        free: [Int], leaving: [MemberID: [Int]], staying: [MemberID: Share]
    ) -> (urgent: [Move], evening: [Move]) {
        let total = staying.values.reduce(free.count + leaving.values.reduce(0) { $0 + $1.count }) { $0 + $1.count }
        let wanted = counts(total: total, of: staying.mapValues(\.count))
        var takers = Takers(wanted)
        var given: [(Int, MemberID?)] = free.map { ($0, nil) }
        for (member, partitions) in leaving.sorted(by: { $0.key < $1.key }) { given += partitions.map { ($0, member) } }
        return (takers.take(given), takers.take(excess(wanted, staying)))
    }

    /// How many each lacks, or has too many (below 0).
    private static func counts(total: Int, of present: [MemberID: Int]) -> [MemberID: Int] {
        if present.isEmpty { return [:] }
        let (base, extra) = total.quotientAndRemainder(dividingBy: present.count)
        let richest = present.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        return Dictionary(
            uniqueKeysWithValues: richest.enumerated().map { rank, member in
                (member.key, base + (rank < extra ? 1 : 0) - member.value)
            })
    }

    /// What those with too many give away, one of each in turn.
    private static func excess(_ wanted: [MemberID: Int], _ staying: [MemberID: Share]) -> [(Int, MemberID?)] {
        let givers = wanted.filter { $0.value < 0 }.sorted { ($0.value, $0.key) < ($1.value, $1.key) }.map { member, lack in
            (member, Array((staying[member]?.movable ?? []).suffix(-lack).reversed()))
        }
        let rounds = givers.map(\.1.count).max() ?? 0
        return (0..<rounds).flatMap { round in
            givers.compactMap { member, partitions in
                round < partitions.count ? (partitions[round], member) : nil
            }
        }
    }

    /// Those who lack some, each in turn until they have enough.
    private struct Takers {
        private var lacking: [(member: MemberID, count: Int)]
        private var turn = 0

        init(_ wanted: [MemberID: Int]) {
            lacking = wanted.filter { $0.value > 0 }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { ($0.key, $0.value) }
        }

        /// As many as they lack, the first ones.
        mutating func take(_ given: [(partition: Int, previous: MemberID?)]) -> [Move] {
            var moves: [Move] = []
            for (partition, previous) in given {
                guard let next = next() else { break }
                moves.append(Move(partition: partition, previous: previous, next: next))
            }
            return moves
        }

        private mutating func next() -> MemberID? {
            if lacking.isEmpty { return nil }
            if turn >= lacking.count { turn = 0 }
            let member = lacking[turn].member
            lacking[turn].count -= 1
            if lacking[turn].count == 0 { lacking.remove(at: turn) } else { turn += 1 }
            return member
        }
    }
}
