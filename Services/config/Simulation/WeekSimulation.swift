import Contracts

/// A week of a large deployment, replayed: synthetic load, the policy that follows it, instances that take their time to start, die now and then, and are
/// replaced one after the other for a new version once; and the assignment of partitions as the leader would make it.
struct WeekSimulation: Sendable {
    struct Terms: Sendable {
        var seed: UInt64 = 1
        var days = 7
        /// Of these load was seen before the replay begins, so that there is something to look back to.
        var pastDays = 7
        var peakUsers = 10_000_000.0
        var partitionCount = 4_800
        var policy: ScalingPolicy.Terms = {
            var terms = ScalingPolicy.Terms()
            terms.capacity = Load(connections: 80_000, cpu: 2, outboundBytes: 100_000_000)
            terms.instances = 10...160
            return terms
        }()
        /// From the order to the first heartbeat.
        var startSeconds = 60
        /// A process dies about so often.
        var daysBetweenDeaths = 30.0
        /// When a new version is rolled out: in the second of the week.
        var rolloutAt: Int? = 2 * 86_400 + 14 * 3_600
    }

    static let tick = 10

    let terms: Terms
    private let load: SyntheticLoad
    private var random: SplitMix
    private var fleet: SimulatedFleet
    private var policy: ScalingPolicy
    private var curve = LoadCurve()
    private var wanted: Int
    /// Names, and when they will have started.
    private var starting: [Int: Int] = [:]
    private var awaitingRollout: [Int] = []
    private(set) var report = WeekReport()

    init(_ terms: Terms) {
        self.terms = terms
        random = SplitMix(seed: terms.seed)
        load = SyntheticLoad(peakUsers: terms.peakUsers, days: terms.days, random: &random)
        fleet = SimulatedFleet(partitionCount: terms.partitionCount, random: &random)
        policy = ScalingPolicy(terms.policy, at: .zero)
        let first = SyntheticLoad.load(of: load.users(at: 0)).instances(of: terms.policy.capacity)
        wanted = min(
            max(Int(first / terms.policy.target) + 1, terms.policy.instances.lowerBound), terms.policy.instances.upperBound)
        for name in 0..<wanted { fleet.join(name) }
        fleet.settle(for: .scaling)
        remember()
    }

    /// The weeks before were like this one, bursts aside.
    private mutating func remember() {
        var past = random
        let before = SyntheticLoad(peakUsers: terms.peakUsers, days: 1, random: &past)
        for second in stride(from: 0, to: terms.pastDays * 86_400, by: LoadCurve.slotSeconds) {
            curve.note(SyntheticLoad.load(of: before.users(at: second)), in: slot(second - terms.pastDays * 86_400))
        }
    }

    /// The replay begins at the end of the week that is remembered.
    private func slot(_ second: Int) -> Int { LoadCurve.slot(atSecondsSinceEpoch: second + terms.pastDays * 86_400) }

    /// - Returns: the report, for people.
    static func run(_ terms: Terms = Terms()) -> String {
        let begin = ContinuousClock.now
        var simulation = WeekSimulation(terms)
        simulation.run()
        return simulation.report.text(terms, in: begin.duration(to: .now))
    }

    mutating func run() {
        let begun = fleet
        for second in stride(from: 0, to: terms.days * 86_400, by: Self.tick) { step(second) }
        report.moves = fleet.moves.merging(begun.moves) { $0 - $1 }
        report.disconnected = fleet.disconnected
        report.steps = fleet.steps - begun.steps
        report.hours = Double(terms.days) * 24
    }

    private mutating func step(_ second: Int) {
        let users = load.users(at: second)
        start(second)
        mishaps()
        rollOut(second)
        scale(second, SyntheticLoad.load(of: users))
        report.note(users: users, held: fleet.held, capacity: terms.policy.capacity.connections, seconds: Self.tick)
    }

    private mutating func start(_ second: Int) {
        let ready = starting.filter { $0.value <= second }.keys
        if ready.isEmpty { return }
        for name in ready {
            starting[name] = nil
            fleet.join(name)
        }
        fleet.settle(for: awaitingRollout.isEmpty ? .scaling : .rollout)
    }

    private mutating func mishaps() {
        let chance = Double(Self.tick) * Double(fleet.count) / (terms.daysBetweenDeaths * 86_400)
        guard fleet.count > 1, Double.random(in: 0..<1, using: &random) < chance,
            let name = fleet.names.randomElement(using: &random)
        else { return }
        report.deaths += 1
        fleet.die(name)
        // Its supervisor starts it again, before long.
        starting[name] = 0
    }

    /// One after the other: the next when the last one is back.
    private mutating func rollOut(_ second: Int) {
        if second == terms.rolloutAt { awaitingRollout = fleet.names }
        guard starting.isEmpty, let name = awaitingRollout.popLast(), fleet.names.contains(name) else { return }
        fleet.leave([name], for: .rollout)
        starting[name] = second + Self.tick
    }

    private mutating func scale(_ second: Int, _ load: Load) {
        let slot = slot(second)
        curve.note(load, in: slot)
        let figures = ScalingPolicy.Figures(
            load: load, reporting: fleet.count, wanted: wanted,
            growth: curve.growth(from: slot, of: terms.policy.capacity))
        guard case .scale(let count, _) = policy.decide(figures, at: .seconds(second)) else { return }
        report.changes += 1
        if count > wanted {
            for name in wanted..<count where !fleet.names.contains(name) { starting[name] = second + terms.startSeconds }
        } else {
            for name in count..<wanted { starting[name] = nil }
            fleet.leave(Set(count..<wanted), for: .scaling)
        }
        wanted = count
    }
}
