import Contracts

/// Instances that follow each assignment at once. Counts the partitions that move and the users that are
/// disconnected.
struct SimulatedFleet: Sendable {
    enum Cause: String, CaseIterable, Sendable { case scaling, rollout, death }

    private(set) var table: RoutingTable
    private(set) var members: [MemberID: MemberReport] = [:]
    /// The share of all users in each partition. It varies by up to 3 %.
    private let shares: [Double]
    /// The share of all users on each instance.
    private(set) var held: [MemberID: Double] = [:]
    private(set) var moves: [Cause: Int] = [:]
    /// Shares of all users, summed over every disconnect.
    private(set) var disconnected: [Cause: Double] = [:]
    private(set) var steps = 0
    private let limit: Int
    private var births = 0

    init(partitionCount: Int, random: inout some RandomNumberGenerator) {
        table = RoutingTable(partitionCount: partitionCount)
        limit = RoutingSettings(partitionCount: partitionCount).limit
        let weights = (0..<partitionCount).map { _ in Double.random(in: 0.97...1.03, using: &random) }
        let total = weights.reduce(0, +)
        shares = weights.map { $0 / total }
    }

    var count: Int { members.count }
    var names: [Int] { members.keys.compactMap { Int($0.instance) }.sorted() }

    /// A process that restarts under a name is a new member.
    mutating func join(_ name: Int) {
        births += 1
        let id = MemberID(instance: "\(name)", incarnation: "\(births)")
        members[id] = MemberReport(
            id: id, url: "", epoch: table.epoch, bound: PartitionSet(), served: PartitionSet(), isLeaving: false)
    }

    /// The instances hand over their partitions, then stop.
    mutating func leave(_ leaving: Set<Int>, for cause: Cause) {
        let ids = members.keys.filter { Int($0.instance).map(leaving.contains) ?? false }
        for id in ids { members[id]?.isLeaving = true }
        reassign(for: cause)
        for id in ids { members[id] = nil }
    }

    /// The instance stops without a handover, and its users are disconnected.
    mutating func die(_ name: Int) {
        for id in members.keys where id.instance == "\(name)" {
            disconnected[.death, default: 0] += held[id] ?? 0
            members[id] = nil
        }
        reassign(for: .death)
    }

    /// Applies every step of the assignment until none follows.
    mutating func reassign(for cause: Cause) {
        while let next = table.next(among: members, atMost: limit) {
            count(next, for: cause)
            table = next
            steps += 1
            let assignments = table.assignments
            for (id, member) in members {
                let assignment = assignments[id] ?? .init()
                members[id] = MemberReport(
                    id: id, url: "", epoch: table.epoch, bound: assignment.bind, served: assignment.serve,
                    isLeaving: member.isLeaving)
            }
        }
        held = table.granted.mapValues { $0.members.reduce(0) { $0 + shares[$1] } }
    }

    private mutating func count(_ next: RoutingTable, for cause: Cause) {
        for (partition, handover) in next.handovers where table.handovers[partition] != handover {
            if table.handovers[partition]?.next != handover.next { moves[cause, default: 0] += 1 }
            // The previous owner disconnects its clients.
            guard handover.isCommitted, handover.previous != nil else { continue }
            disconnected[cause, default: 0] += shares[partition]
        }
    }
}
