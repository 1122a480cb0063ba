import Contracts

@testable import Config

/// An instance of `messaging` as the contract wants it.
final class SimulatedMember: Process {
    enum Answer {
        case told(Heartbeat.Response)
        /// Nobody serves it, or whoever does cannot reach Postgres.
        case refused
        /// Whoever does cannot reach Postgres, and another one can.
        case elsewhere
    }

    let name: String
    /// Who takes a heartbeat, through any instance of `config` that hears; `nil` when none does.
    private let beat: (MemberReport, @escaping (Answer?) -> Void) -> Void
    private(set) var seen: Int64 = 0
    private var leaseEnd = Duration.zero
    /// Of these it accepts users, while its lease lasts.
    private(set) var accepted: Set<Int> = []
    /// Of these it has users yet; whether it closes them by order, not because its lease ran out.
    private(set) var closing: [Int: Bool] = [:]
    private var bound: Set<Int> = []
    private var binding: Set<Int> = []
    private var wanted: Set<Int> = []
    private(set) var isLeaving = false
    private var isAsking = false
    private var hasMoreToSay = false
    /// Partitions that it began to accept in its life, each time anew.
    private(set) var taken = 0

    init(_ name: String, _ world: World, beat: @escaping (MemberReport, @escaping (Answer?) -> Void) -> Void) {
        (self.name, self.beat) = (name, beat)
        super.init(world)
    }

    var id: MemberID { .init(instance: name, incarnation: "\(life)") }
    var hasLease: Bool { isAlive && clock < leaseEnd }
    /// Whose users it would let in now.
    var accepting: Set<Int> { hasLease && !isPaused ? accepted : [] }
    /// Whose users are connected to it that it has not lost the right to.
    var having: Set<Int> { isAlive ? accepted.union(closing.filter(\.value).keys) : [] }

    override func start() {
        super.start()
        (seen, leaseEnd, accepted, closing, bound, binding, wanted) = (0, .zero, [], [:], [], [], [])
        (isLeaving, isAsking, hasMoreToSay) = (false, false, false)
        goOn()
    }

    func leave() {
        isLeaving = true
        later(0) { [self] in say() }
    }

    private func goOn() {
        say()
        later(500) { [self] in goOn() }
    }

    /// A heartbeat. The next one waits for its answer, mostly: where messages get lost, some are overtaken.
    func say() {
        if isAsking, !world.chance(world.loss) {
            hasMoreToSay = true
            return
        }
        (isAsking, hasMoreToSay) = (true, false)
        let member = MemberReport(
            id: id, url: "ws://\(name)", epoch: seen, bound: PartitionSet(bound),
            served: PartitionSet(accepted.union(closing.keys)),
            isLeaving: isLeaving)
        let (asked, born) = (clock, life)
        beat(member) { answer in
            self.resume(born) { [self] in
                isAsking = false
                if let answer { heard(answer, asked: asked) }
                if isAlive, hasMoreToSay { say() }
            }
        }
    }

    private func heard(_ answer: Answer, asked: Duration) {
        switch answer {
        case .told(let answer): follow(answer, asked: asked)
        // Nobody can give away what is ours, for a lease.
        case .refused: if asked < leaseEnd { extend(to: asked + .milliseconds(2_000)) }
        case .elsewhere: later(50) { [self] in say() }
        }
    }

    private func extend(to end: Duration) {
        leaseEnd = max(leaseEnd, end)
        let end = leaseEnd
        later(max(0, (end - clock).milliseconds) + 1) { [self] in lapse() }
    }

    private func follow(_ answer: Heartbeat.Response, asked: Duration) {
        lapse()
        if answer.epoch < seen { return }
        seen = answer.epoch
        extend(to: asked + .milliseconds(answer.leaseMilliseconds))
        for partition in accepted.subtracting(answer.serve.members) { close(partition, isOrderly: true, within: 500) }
        taken += answer.serve.members.subtracting(accepted).count
        accepted = answer.serve.members
        for partition in accepted { closing[partition] = nil }
        wanted = answer.bind.members
        bound.formIntersection(wanted.union(accepted).union(closing.keys))
        bind(wanted.subtracting(bound).subtracting(binding))
        if isLeaving, !hasMoreToSay, accepted.isEmpty, closing.isEmpty { die() }
    }

    private func bind(_ partitions: Set<Int>) {
        if partitions.isEmpty { return }
        binding.formUnion(partitions)
        later(world.number(1...40)) { [self] in
            binding.subtract(partitions)
            bound.formUnion(partitions.intersection(wanted))
            say()
        }
    }

    private func close(_ partition: Int, isOrderly: Bool, within milliseconds: Int) {
        accepted.remove(partition)
        closing[partition] = isOrderly
        later(world.number(1...milliseconds)) { [self] in
            guard closing.removeValue(forKey: partition) != nil else { return }
            if closing.isEmpty { say() }
        }
    }

    private func lapse() {
        if clock < leaseEnd { return }
        for partition in accepted { close(partition, isOrderly: false, within: 3_000) }
        for partition in closing.keys { closing[partition] = false }
    }
}
