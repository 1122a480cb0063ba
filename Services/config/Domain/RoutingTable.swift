import Contracts

/// The owners of all partitions and the handovers in progress, under one epoch.
///
/// A value: the leader derives the next table from it and stores that under a higher epoch, or not at all.
struct RoutingTable: Hashable, Sendable {
    /// Constant for the lifetime of a deployment; within ``Partitioning/counts``.
    let partitionCount: Int
    /// Grows with every change.
    private(set) var epoch: Int64
    /// The partitions whose users each member may accept. The sets are disjoint.
    private(set) var granted: [MemberID: PartitionSet]
    /// By partition. A prepared one is still granted to its previous owner, a committed one to no member.
    private(set) var handovers: [Int: Handover]

    init(
        partitionCount: Int, epoch: Int64 = 0, granted: [MemberID: PartitionSet] = [:], handovers: [Int: Handover] = [:]
    ) {
        self.partitionCount = partitionCount
        self.epoch = epoch
        self.granted = granted
        self.handovers = handovers
    }

    /// Returns the table that follows from the members' reports; `nil` when nothing changes.
    ///
    /// - Parameters:
    ///   - members: the live members with their latest reports.
    ///   - limit: how many handovers that only even out may be in progress. Partitions without an owner, or
    ///     whose owner leaves, are not limited.
    func next(among members: [MemberID: MemberReport], atMost limit: Int) -> RoutingTable? {
        var table = self
        let seen = members.values.map(\.epoch).max() ?? 0
        // Members ignore epochs below the highest they have seen, which is above the database's after a
        // restore.
        table.epoch = max(epoch, seen) + 1
        table.removeDeadMembers(keeping: members)
        table.advanceHandovers(among: members)
        table.beginHandovers(members, atMost: limit)
        let isSame = seen <= epoch && table.granted == granted && table.handovers == handovers
        return isSame ? nil : table
    }

    /// Partitions that have no owner and no handover.
    var free: [Int] {
        let owned = granted.values.reduce(into: Set(handovers.keys)) { $0.formUnion($1.members) }
        return (0..<partitionCount).filter { !owned.contains($0) }
    }

    /// The number of partitions whose users no member may accept now.
    var unserved: Int { partitionCount - granted.values.reduce(0) { $0 + $1.count } }

    // MARK: Changes

    private mutating func removeDeadMembers(keeping members: [MemberID: MemberReport]) {
        granted = granted.filter { members[$0.key] != nil }
    }

    private mutating func advanceHandovers(among members: [MemberID: MemberReport]) {
        if handovers.isEmpty { return }
        var serving = [Int](repeating: 0, count: partitionCount)
        for member in members.values {
            for partition in member.served.members where partition < partitionCount { serving[partition] += 1 }
        }
        for (partition, handover) in handovers {
            switch handover.progress(of: partition, among: members, serving: serving[partition], at: epoch) {
            case .inProgress(let next):
                handovers[partition] = next
                if next.isCommitted, !handover.isCommitted { revoke(partition, from: handover.previous) }
            case .finished: grant(partition, to: handover.next)
            case .returned(let owner): grant(partition, to: owner)
            case .abandoned: handovers[partition] = nil
            }
        }
    }

    private mutating func grant(_ partition: Int, to member: MemberID) {
        handovers[partition] = nil
        granted[member, default: PartitionSet()].insert(partition)
    }

    private mutating func revoke(_ partition: Int, from member: MemberID?) {
        guard let member else { return }
        granted[member]?.remove(partition)
        if granted[member]?.isEmpty == true { granted[member] = nil }
    }

    private mutating func beginHandovers(_ members: [MemberID: MemberReport], atMost limit: Int) {
        var leaving: [MemberID: [Int]] = [:]
        var staying: [MemberID: PartitionAssignment.Holding] = [:]
        for (id, member) in members {
            let movable = (granted[id]?.members ?? []).filter { handovers[$0] == nil }.sorted()
            if member.isLeaving { leaving[id] = movable } else { staying[id] = .init(count: movable.count, movable: movable) }
        }
        for handover in handovers.values { staying[handover.next]?.count += 1 }
        let transfers = PartitionAssignment.transfers(free: free, leaving: leaving, staying: staying)
        let room = max(0, limit - handovers.count - transfers.urgent.count)
        for transfer in transfers.urgent + transfers.evening.prefix(room) { begin(transfer) }
    }

    private mutating func begin(_ transfer: PartitionAssignment.Transfer) {
        handovers[transfer.partition] = Handover(
            previous: transfer.previous, next: transfer.next, since: epoch,
            step: transfer.previous == nil ? .committed(at: epoch) : .prepared)
    }
}

// MARK: Assignments

/// The partitions of one member: what `config` answers to its heartbeats and publishes in the routes.
struct MemberAssignment: Hashable, Sendable {
    /// The member must receive the deliveries of these.
    var bind = PartitionSet()
    /// The member may accept the users of these.
    var serve = PartitionSet()
    /// The routes send the users of these to the member.
    var route = PartitionSet()
}

extension RoutingTable {
    /// By member; members without partitions or handovers are absent.
    var assignments: [MemberID: MemberAssignment] {
        var assignments = granted.mapValues { MemberAssignment(bind: $0, serve: $0, route: $0) }
        for (partition, handover) in handovers {
            assignments[handover.next, default: MemberAssignment()].bind.insert(partition)
            guard handover.isCommitted else { continue }
            assignments[handover.next, default: MemberAssignment()].route.insert(partition)
            if let previous = handover.previous { assignments[previous, default: MemberAssignment()].bind.insert(partition) }
        }
        return assignments
    }
}
