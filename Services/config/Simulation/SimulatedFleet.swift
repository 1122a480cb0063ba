import Contracts

/// Instances that do what they are told within the moment, and the partitions on them: who moves, and who is disconnected by it.
struct SimulatedFleet: Sendable {
    enum Cause: String, CaseIterable, Sendable { case scaling, rollout, death }

    private(set) var table: RoutingTable
    private(set) var members: [MemberID: MemberReport] = [:]
    /// Of all users, how many are in each partition: not quite the same in all.
    private let shares: [Double]
    /// Of all users, how many each instance has.
    private(set) var held: [MemberID: Double] = [:]
    private(set) var moves: [Cause: Int] = [:]
    /// Shares of all users, summed over every time that they were disconnected.
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
    /// Those with the highest names go first, as a stateful set of Kubernetes has it.
    var names: [Int] { members.keys.compactMap { Int($0.instance) }.sorted() }

    /// Joins; a process that was started anew under a name is another member.
    mutating func join(_ name: Int) {
        births += 1
        let id = MemberID(instance: "\(name)", incarnation: "\(births)")
        members[id] = MemberReport(
            id: id, url: "", epoch: table.epoch, bound: PartitionSet(), served: PartitionSet(), isLeaving: false)
    }

    /// Hands over what it has, and goes.
    mutating func leave(_ leaving: Set<Int>, for cause: Cause) {
        let ids = members.keys.filter { Int($0.instance).map(leaving.contains) ?? false }
        for id in ids { members[id]?.isLeaving = true }
        settle(for: cause)
        for id in ids { members[id] = nil }
    }

    /// Is gone at once, and its users with it.
    mutating func die(_ name: Int) {
        for id in members.keys where id.instance == "\(name)" {
            disconnected[.death, default: 0] += held[id] ?? 0
            members[id] = nil
        }
        settle(for: .death)
    }

    /// Takes every step until none is left to take.
    mutating func settle(for cause: Cause) {
        while let next = table.next(among: members, atMost: limit) {
            count(next, for: cause)
            table = next
            steps += 1
            let entries = table.entries
            for (id, member) in members {
                let entry = entries[id] ?? .init()
                members[id] = MemberReport(
                    id: id, url: "", epoch: table.epoch, bound: entry.bind, served: entry.serve, isLeaving: member.isLeaving)
            }
        }
        held = table.granted.mapValues { $0.members.reduce(0) { $0 + shares[$1] } }
    }

    private mutating func count(_ next: RoutingTable, for cause: Cause) {
        for (partition, handover) in next.handovers where table.handovers[partition] != handover {
            if table.handovers[partition]?.next != handover.next { moves[cause, default: 0] += 1 }
            // Whoever is connected to the previous owner is told to go to the next one.
            guard handover.isCommitted, handover.previous != nil else { continue }
            disconnected[cause, default: 0] += shares[partition]
        }
    }
}
