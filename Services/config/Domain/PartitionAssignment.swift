/// Distributes partitions over members: all members have the same number, give or take one, after the fewest
/// moves.
enum PartitionAssignment {
    /// A partition and the members that it moves between.
    struct Transfer: Hashable, Sendable {
        let partition: Int
        /// `nil` for a partition without an owner.
        let previous: MemberID?
        let next: MemberID
    }

    /// The partitions of one member that stays.
    struct Holding: Sendable {
        /// Includes partitions on their way to this member; excludes those on their way to others.
        var count: Int
        /// The partitions that may move now. The last one moves first.
        var movable: [Int]
    }

    /// Returns the transfers that give every partition an owner and even out the numbers.
    ///
    /// Where the partitions cannot be divided evenly, the members with the most partitions keep one more than
    /// the others, so that nothing moves without need. Transfers alternate between givers and between
    /// receivers: any prefix of them is spread over all members.
    ///
    /// - Parameters:
    ///   - free: partitions without an owner.
    ///   - leaving: members that must give up all their partitions.
    ///   - staying: members that may receive partitions.
    /// - Returns: `urgent` transfers of partitions without an owner or of leaving members, and `evening`
    ///   transfers, which only even out the numbers. Both are empty when no member stays.
    static func transfers(
        free: [Int], leaving: [MemberID: [Int]], staying: [MemberID: Holding]
    ) -> (urgent: [Transfer], evening: [Transfer]) {
        let total = staying.values.reduce(free.count + leaving.values.reduce(0) { $0 + $1.count }) { $0 + $1.count }
        let deficits = deficits(total: total, of: staying.mapValues(\.count))
        var receivers = Receivers(deficits)
        var orphaned: [(Int, MemberID?)] = free.map { ($0, nil) }
        for (member, partitions) in leaving.sorted(by: { $0.key < $1.key }) { orphaned += partitions.map { ($0, member) } }
        return (receivers.assign(orphaned), receivers.assign(surplus(deficits, staying)))
    }

    /// Returns how many partitions each member lacks; negative for members with too many.
    private static func deficits(total: Int, of present: [MemberID: Int]) -> [MemberID: Int] {
        if present.isEmpty { return [:] }
        let (base, extra) = total.quotientAndRemainder(dividingBy: present.count)
        let richest = present.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        return Dictionary(
            uniqueKeysWithValues: richest.enumerated().map { rank, member in
                (member.key, base + (rank < extra ? 1 : 0) - member.value)
            })
    }

    /// Returns the partitions that members with too many give away, one of each member in turn.
    private static func surplus(_ deficits: [MemberID: Int], _ staying: [MemberID: Holding]) -> [(Int, MemberID?)] {
        let givers = deficits.filter { $0.value < 0 }.sorted { ($0.value, $0.key) < ($1.value, $1.key) }.map { member, lack in
            (member, Array((staying[member]?.movable ?? []).suffix(-lack).reversed()))
        }
        let rounds = givers.map(\.1.count).max() ?? 0
        return (0..<rounds).flatMap { round in
            givers.compactMap { member, partitions in
                round < partitions.count ? (partitions[round], member) : nil
            }
        }
    }

    /// The members that lack partitions. Each receives one in turn until it has enough.
    private struct Receivers {
        private var lacking: [(member: MemberID, count: Int)]
        private var turn = 0

        init(_ deficits: [MemberID: Int]) {
            lacking = deficits.filter { $0.value > 0 }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map {
                ($0.key, $0.value)
            }
        }

        /// Assigns the first partitions, as many as the members lack.
        mutating func assign(_ partitions: [(partition: Int, previous: MemberID?)]) -> [Transfer] {
            var transfers: [Transfer] = []
            for (partition, previous) in partitions {
                guard let next = next() else { break }
                transfers.append(Transfer(partition: partition, previous: previous, next: next))
            }
            return transfers
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
