/// Decides how many instances of `messaging` should run: enough for the present load and for the growth that
/// the last days predict.
///
/// Between the two thresholds nothing changes. A change aims between them, so that it does not cross the
/// other one.
struct ScalingPolicy: Sendable {
    struct Parameters: Hashable, Sendable {
        /// Of one instance.
        var capacity = FleetLoad(connections: 50_000, cpu: 2, outboundBytes: 100_000_000)
        /// The allowed numbers of instances.
        var instances = 1...20
        /// The share of the capacity above which there are too few instances.
        var upper = 0.8
        /// The share of the capacity below which there are too many instances.
        var lower = 0.5
        /// The share of the capacity that a change aims at.
        var target = 0.65
        /// The minimum time from any change until instances are added.
        var coolDownOut = Duration.seconds(60)
        /// The minimum time from any change until instances are removed.
        var coolDownIn = Duration.seconds(600)
        /// The share of the instances that one step may remove; at least one instance.
        var stepIn = 0.1
    }

    struct Observation: Hashable, Sendable {
        var load: FleetLoad
        /// The number of instances whose load is included.
        var reporting: Int
        /// The number of instances that was last requested.
        var desired: Int
        /// The factor by which the load grows while a new instance starts; 1 for no growth.
        var growth: Double
    }

    enum Decision: Hashable, Sendable {
        case keep
        case scale(to: Int, Reason)
    }

    /// The raw values are metric labels.
    enum Reason: String, Hashable, Sendable {
        /// The number was outside the allowed range.
        case bounds
        case busy
        /// The load will exceed the upper threshold soon, by the last days' growth.
        case ahead
        case idle
    }

    let parameters: Parameters
    private var changedAt: Duration

    /// - Parameter now: by a monotonic clock. The policy removes nothing for one cool-down, because a
    ///   previous leader may just have added instances.
    init(_ parameters: Parameters, at now: Duration) {
        self.parameters = parameters
        changedAt = now - parameters.coolDownOut
    }

    mutating func decide(_ observation: Observation, at now: Duration) -> Decision {
        let decision = decision(observation, sinceChange: now - changedAt)
        if case .scale = decision { changedAt = now }
        return decision
    }

    private func decision(_ observation: Observation, sinceChange quiet: Duration) -> Decision {
        let allowed = clamped(observation.desired)
        if allowed != observation.desired { return .scale(to: allowed, .bounds) }
        let now = observation.load.instances(of: parameters.capacity)
        let soon = now * max(1, observation.growth)
        let desired = Double(observation.desired)
        if soon > parameters.upper * desired {
            let next = clamped(max(sufficient(for: soon), observation.desired + 1))
            guard next > observation.desired, quiet >= parameters.coolDownOut else { return .keep }
            return .scale(to: next, now > parameters.upper * desired ? .busy : .ahead)
        }
        // An instance that does not report may be busy.
        guard soon < parameters.lower * desired, observation.reporting >= observation.desired, quiet >= parameters.coolDownIn
        else { return .keep }
        let step = max(1, Int(desired * parameters.stepIn))
        let next = clamped(max(sufficient(for: soon), observation.desired - step))
        return next < observation.desired ? .scale(to: next, .idle) : .keep
    }

    /// Returns the number of instances with which each is at the target.
    private func sufficient(for fullInstances: Double) -> Int { Int((fullInstances / parameters.target).rounded(.up)) }

    private func clamped(_ count: Int) -> Int {
        min(max(count, parameters.instances.lowerBound), parameters.instances.upperBound)
    }
}
