import Contracts

/// Who may accept the users of which partitions, and which partitions are on their way to somebody else.
///
/// A value: the leader makes the next one of it, and has it stored under the next epoch, or not at all.
struct RoutingTable: Hashable, Sendable {
    /// The same for ever; in ``Partitioning/counts``.
    let partitionCount: Int
    /// Grows with every change.
    private(set) var epoch: Int64
    /// Who may accept whose users; no partition is in two sets.
    private(set) var granted: [MemberID: PartitionSet]
    /// By partition. A prepared one is still granted to its previous owner, a committed one to nobody.
    private(set) var handovers: [Int: Handover]

    init(
        partitionCount: Int, epoch: Int64 = 0, granted: [MemberID: PartitionSet] = [:], handovers: [Int: Handover] = [:]
    ) {
        (self.partitionCount, self.epoch, self.granted, self.handovers) = (partitionCount, epoch, granted, handovers)
    }

    /// The table that follows from what the members have said.
    ///
    /// - Parameters:
    ///   - members: those who live, with what they last said.
    ///   - limit: partitions that may be on their way at once only to even out; those without owner, or whose owner leaves, do not wait.
    /// - Returns: `nil` when nothing changes.
    func next(among members: [MemberID: MemberReport], atMost limit: Int) -> RoutingTable? {
        var table = self
        let seen = members.values.map(\.epoch).max() ?? 0
        // A member that has seen more than the database knows, which was set back, follows nothing below.
        table.epoch = max(epoch, seen) + 1
        table.drop(allBut: members)
        table.goOn(among: members)
        table.plan(members, atMost: limit)
        let isSame = seen <= epoch && table.granted == granted && table.handovers == handovers
        return isSame ? nil : table
    }

    /// Partitions that nobody has, nor will have.
    var free: [Int] {
        let taken = granted.values.reduce(into: Set(handovers.keys)) { $0.formUnion($1.members) }
        return (0..<partitionCount).filter { !taken.contains($0) }
    }

    /// Partitions whose users nobody may accept at this moment.
    var unserved: Int { partitionCount - granted.values.reduce(0) { $0 + $1.count } }

    // MARK: Changing

    private mutating func drop(allBut members: [MemberID: MemberReport]) {
        granted = granted.filter { members[$0.key] != nil }
    }

    private mutating func goOn(among members: [MemberID: MemberReport]) {
        if handovers.isEmpty { return }
        var serving = [Int](repeating: 0, count: partitionCount)
        for member in members.values {
            for partition in member.served.members where partition < partitionCount { serving[partition] += 1 }
        }
        for (partition, handover) in handovers {
            switch handover.outcome(of: partition, among: members, serving: serving[partition], at: epoch) {
            case .stays(let next):
                handovers[partition] = next
                if next.isCommitted, !handover.isCommitted { take(partition, from: handover.previous) }
            case .finished: grant(partition, to: handover.next)
            case .givenBack(let owner): grant(partition, to: owner)
            case .dropped: handovers[partition] = nil
            }
        }
    }

    private mutating func grant(_ partition: Int, to member: MemberID) {
        handovers[partition] = nil
        granted[member, default: PartitionSet()].insert(partition)
    }

    private mutating func take(_ partition: Int, from member: MemberID?) {
        if let member { granted[member]?.remove(partition) }
        if let member, granted[member]?.isEmpty == true { granted[member] = nil }
    }

    private mutating func plan(_ members: [MemberID: MemberReport], atMost limit: Int) {
        var (leaving, staying) = ([MemberID: [Int]](), [MemberID: Assignment.Share]())
        for (id, member) in members {
            let movable = (granted[id]?.members ?? []).filter { handovers[$0] == nil }.sorted()
            if member.isLeaving { leaving[id] = movable } else { staying[id] = .init(count: movable.count, movable: movable) }
        }
        for handover in handovers.values { staying[handover.next]?.count += 1 }
        let moves = Assignment.moves(free: free, leaving: leaving, staying: staying)
        let room = max(0, limit - handovers.count - moves.urgent.count)
        for move in moves.urgent + moves.evening.prefix(room) { begin(move) }
    }

    private mutating func begin(_ move: Assignment.Move) {
        handovers[move.partition] = Handover(
            previous: move.previous, next: move.next, since: epoch,
            step: move.previous == nil ? .committed(at: epoch) : .prepared)
    }
}

// MARK: What it tells

extension RoutingTable {
    /// What one member is told, and others are told of it.
    struct Entry: Hashable, Sendable {
        /// Whose deliveries it is to have.
        var bind = PartitionSet()
        /// Whose users it may accept.
        var serve = PartitionSet()
        /// Whose users others send to it.
        var route = PartitionSet()
    }

    /// Of those who have anything, or will.
    var entries: [MemberID: Entry] {
        var entries = granted.mapValues { Entry(bind: $0, serve: $0, route: $0) }
        for (partition, handover) in handovers {
            entries[handover.next, default: Entry()].bind.insert(partition)
            guard handover.isCommitted else { continue }
            entries[handover.next, default: Entry()].route.insert(partition)
            if let previous = handover.previous { entries[previous, default: Entry()].bind.insert(partition) }
        }
        return entries
    }
}
