import Contracts

/// Simulates a week of a large deployment: synthetic load, the scaling policy, and the partition assignment
/// of the leader.
///
/// Instances take time to start, die occasionally, and are replaced one by one in a roll-out.
struct WeekSimulation: Sendable {
    struct Parameters: Sendable {
        var seed: UInt64 = 1
        var days = 7
        /// The number of days of load history before the simulation starts.
        var pastDays = 7
        var peakUsers = 10_000_000.0
        var partitionCount = 4_800
        var policy: ScalingPolicy.Parameters = {
            var policy = ScalingPolicy.Parameters()
            policy.capacity = FleetLoad(connections: 80_000, cpu: 2, outboundBytes: 100_000_000)
            policy.instances = 10...160
            return policy
        }()
        /// The time from the request of an instance to its first heartbeat.
        var startSeconds = 60
        /// The mean time between deaths of one process.
        var daysBetweenDeaths = 30.0
        /// When a roll-out begins, in seconds from the start of the week.
        var rolloutAt: Int? = 2 * 86_400 + 14 * 3_600
    }

    static let tick = 10

    let parameters: Parameters
    private let load: SyntheticLoad
    private var random: SplitMix
    private var fleet: SimulatedFleet
    private var policy: ScalingPolicy
    private var curve = LoadCurve()
    private var desired: Int
    /// The second at which each starting instance is ready, by name.
    private var starting: [Int: Int] = [:]
    private var awaitingRollout: [Int] = []
    private(set) var report = WeekReport()

    init(_ parameters: Parameters) {
        self.parameters = parameters
        random = SplitMix(seed: parameters.seed)
        load = SyntheticLoad(peakUsers: parameters.peakUsers, days: parameters.days, random: &random)
        fleet = SimulatedFleet(partitionCount: parameters.partitionCount, random: &random)
        policy = ScalingPolicy(parameters.policy, at: .zero)
        let first = SyntheticLoad.load(of: load.users(at: 0)).instances(of: parameters.policy.capacity)
        desired = min(
            max(Int(first / parameters.policy.target) + 1, parameters.policy.instances.lowerBound),
            parameters.policy.instances.upperBound)
        for name in 0..<desired { fleet.join(name) }
        fleet.reassign(for: .scaling)
        recordHistory()
    }

    /// Earlier weeks are like this one, without its bursts.
    private mutating func recordHistory() {
        var past = random
        let before = SyntheticLoad(peakUsers: parameters.peakUsers, days: 1, random: &past)
        for second in stride(from: 0, to: parameters.pastDays * 86_400, by: LoadCurve.slotSeconds) {
            curve.record(SyntheticLoad.load(of: before.users(at: second)), in: slot(second - parameters.pastDays * 86_400))
        }
    }

    /// The simulation begins at the end of the history.
    private func slot(_ second: Int) -> Int { LoadCurve.slot(atSecondsSinceEpoch: second + parameters.pastDays * 86_400) }

    /// Simulates a week and returns the report as text.
    static func run(_ parameters: Parameters = Parameters()) -> String {
        let begin = ContinuousClock.now
        var simulation = WeekSimulation(parameters)
        simulation.run()
        return simulation.report.text(parameters, in: begin.duration(to: .now))
    }

    mutating func run() {
        let initial = fleet
        for second in stride(from: 0, to: parameters.days * 86_400, by: Self.tick) { step(second) }
        report.moves = fleet.moves.merging(initial.moves) { $0 - $1 }
        report.disconnected = fleet.disconnected
        report.steps = fleet.steps - initial.steps
        report.hours = Double(parameters.days) * 24
    }

    private mutating func step(_ second: Int) {
        let users = load.users(at: second)
        start(second)
        killAtRandom()
        rollOut(second)
        scale(second, SyntheticLoad.load(of: users))
        report.record(users: users, held: fleet.held, capacity: parameters.policy.capacity.connections, seconds: Self.tick)
    }

    private mutating func start(_ second: Int) {
        let ready = starting.filter { $0.value <= second }.keys
        if ready.isEmpty { return }
        for name in ready {
            starting[name] = nil
            fleet.join(name)
        }
        fleet.reassign(for: awaitingRollout.isEmpty ? .scaling : .rollout)
    }

    private mutating func killAtRandom() {
        let chance = Double(Self.tick) * Double(fleet.count) / (parameters.daysBetweenDeaths * 86_400)
        guard fleet.count > 1, Double.random(in: 0..<1, using: &random) < chance,
            let name = fleet.names.randomElement(using: &random)
        else { return }
        report.deaths += 1
        fleet.die(name)
        // Its supervisor restarts it at the next tick.
        starting[name] = 0
    }

    /// Replaces one instance at a time, and the next one when the last is back.
    private mutating func rollOut(_ second: Int) {
        if second == parameters.rolloutAt { awaitingRollout = fleet.names }
        guard starting.isEmpty, let name = awaitingRollout.popLast(), fleet.names.contains(name) else { return }
        fleet.leave([name], for: .rollout)
        starting[name] = second + Self.tick
    }

    private mutating func scale(_ second: Int, _ load: FleetLoad) {
        let slot = slot(second)
        curve.record(load, in: slot)
        let observation = ScalingPolicy.Observation(
            load: load, reporting: fleet.count, desired: desired,
            growth: curve.growth(from: slot, of: parameters.policy.capacity))
        guard case .scale(let count, _) = policy.decide(observation, at: .seconds(second)) else { return }
        report.changes += 1
        if count > desired {
            for name in desired..<count where !fleet.names.contains(name) { starting[name] = second + parameters.startSeconds }
        } else {
            for name in count..<desired { starting[name] = nil }
            fleet.leave(Set(count..<desired), for: .scaling)
        }
        desired = count
    }
}
