import Contracts

/// `config`, as the contract of heartbeats has it: assigns each partition to one instance, and hands it over
/// in steps.
final class SimulatedAssigner {
    struct Heartbeat {
        let instance: Int
        let life: Int
        let epoch: Int64
        let bound: PartitionSet
        let held: PartitionSet
    }

    private enum Assignment: Equatable {
        case free
        case owned(Int)
        /// The new owner binds; the previous one, if any, still serves.
        case binding(from: Int?, to: Int)
        /// The previous owner disconnects its clients since that epoch.
        case releasing(from: Int, to: Int, epoch: Int64)
    }

    private struct Member {
        var life: Int
        var heardAt: Int64
    }

    private let simulator: Simulator
    private var assignments = Array(repeating: Assignment.free, count: GatewaySimulation.partitionCount)
    private var members: [Int: Member] = [:]
    private var epoch: Int64 = 1
    private var isStopped = false
    private(set) var handovers = 0

    private static let lease: Int64 = 2_000

    init(_ simulator: Simulator) { self.simulator = simulator }

    /// Where clients of the partition connect.
    func instance(of partition: Int) -> Int? {
        switch assignments[partition] {
        case .free: nil
        case .owned(let instance): instance
        case .binding(let from, let to): from ?? to
        case .releasing(_, let to, _): to
        }
    }

    func stop(for milliseconds: Int64) {
        if isStopped { return }
        simulator.record("the assigner stops for \(milliseconds) ms")
        isStopped = true
        simulator.after(milliseconds) { [unowned self] in recover() }
    }

    func recover() {
        guard isStopped else { return }
        isStopped = false
        // Members have extended their leases meanwhile.
        for instance in members.keys { members[instance]?.heardAt = simulator.now }
    }

    /// Begins to hand a partition over to another instance.
    func movePartition() {
        let partition = Int(simulator.between(0, Int64(assignments.count) - 1))
        guard case .owned(let owner) = assignments[partition] else { return }
        let others = members.keys.filter { $0 != owner }.sorted()
        guard !others.isEmpty else { return }
        assign(.binding(from: owner, to: simulator.oneOf(others)), partition)
    }

    /// - Returns: `nil` while stopped.
    func receive(_ heartbeat: Heartbeat) -> Contracts.Heartbeat.Response? {
        if isStopped { return nil }
        let instance = heartbeat.instance
        if let member = members[instance], member.life > heartbeat.life { return answer(instance) }
        if let member = members[instance], member.life < heartbeat.life { remove(instance) }
        members[instance] = Member(life: heartbeat.life, heardAt: simulator.now)
        for (other, member) in members where simulator.now - member.heardAt > Self.lease + 100 { remove(other) }
        for partition in assignments.indices { advance(partition, heartbeat) }
        return answer(instance)
    }

    /// Takes the next step of a handover that the heartbeat allows.
    private func advance(_ partition: Int, _ heartbeat: Heartbeat) {
        let instance = heartbeat.instance
        switch assignments[partition] {
        case .free: assign(.binding(from: nil, to: instance), partition)
        case .owned: break
        case .binding(let from, let to) where to == instance && heartbeat.bound.contains(partition):
            guard let from else { return assign(.owned(to), partition) }
            assign(.releasing(from: from, to: to, epoch: epoch + 1), partition)
        case .releasing(let from, let to, let since)
        where from == instance && heartbeat.epoch >= since && !heartbeat.held.contains(partition):
            handovers += 1
            assign(.owned(to), partition)
        case .binding, .releasing: break
        }
    }

    /// Gives away what a dead instance owned.
    private func remove(_ instance: Int) {
        simulator.record("the assigner gives instance \(instance) up")
        members[instance] = nil
        for partition in assignments.indices {
            switch assignments[partition] {
            case .owned(instance): assign(.free, partition)
            case .binding(let from, instance): assign(from.map { .owned($0) } ?? .free, partition)
            case .binding(.some(instance), let to): assign(.binding(from: nil, to: to), partition)
            case .releasing(let from, instance, _): assign(.owned(from), partition)
            case .releasing(instance, let to, _): assign(.owned(to), partition)
            case .free, .owned, .binding, .releasing: break
            }
        }
    }

    private func assign(_ assignment: Assignment, _ partition: Int) {
        epoch += 1
        assignments[partition] = assignment
        simulator.record("epoch \(epoch): partition \(partition) is \(assignment)")
    }

    private func answer(_ instance: Int) -> Contracts.Heartbeat.Response {
        var (serve, bind) = (PartitionSet(), PartitionSet())
        for (partition, assignment) in assignments.enumerated() {
            switch assignment {
            case .owned(instance), .binding(.some(instance), _):
                serve.insert(partition)
                bind.insert(partition)
            case .binding(_, instance), .releasing(_, instance, _): bind.insert(partition)
            case .free, .owned, .binding, .releasing: break
            }
        }
        return .init(epoch: epoch, leaseMilliseconds: Self.lease, bind: bind, serve: serve)
    }
}
