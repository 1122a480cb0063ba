/// How many instances there should be: enough for what is and for what the last days say will come soon, and not many more for long.
///
/// Pure. Between the two thresholds nothing happens; what follows from crossing one lies in the middle, so that it does not cross the other.
struct ScalingPolicy: Sendable {
    struct Terms: Hashable, Sendable {
        /// What one instance can bear.
        var capacity = Load(connections: 50_000, cpu: 2, outboundBytes: 100_000_000)
        var instances = 1...20
        /// Of the capacity: above, there are too few instances; below, too many; and what to aim at.
        var upper = 0.8
        var lower = 0.5
        var target = 0.65
        /// After any change, before the next that adds instances.
        var coolDownOut = Duration.seconds(60)
        /// After any change, before one that takes away.
        var coolDownIn = Duration.seconds(600)
        /// Of the instances, how many one step may take away; one at least.
        var stepIn = 0.1
    }

    struct Figures: Hashable, Sendable {
        var load: Load
        /// Instances that the load was measured on.
        var reporting: Int
        /// What was asked for last.
        var wanted: Int
        /// How the load will grow within the time that an instance needs to be there and a little more: 1 not at all.
        var growth: Double
    }

    enum Decision: Hashable, Sendable {
        case stay
        case scale(to: Int, Reason)
    }

    enum Reason: String, Hashable, Sendable {
        /// Outside of what is allowed.
        case bounds
        case busy
        /// Busy soon, by the last days.
        case ahead
        case idle
    }

    let terms: Terms
    private var changed: Duration

    /// - Parameter now: by a clock that is never set. Nothing is taken away for a cool-down's time: whoever decided before may just have added.
    init(_ terms: Terms, at now: Duration) { (self.terms, changed) = (terms, now - terms.coolDownOut) }

    mutating func decide(_ figures: Figures, at now: Duration) -> Decision {
        let decision = decision(figures, idleFor: now - changed)
        if case .scale = decision { changed = now }
        return decision
    }

    private func decision(_ figures: Figures, idleFor quiet: Duration) -> Decision {
        let allowed = bounded(figures.wanted)
        if allowed != figures.wanted { return .scale(to: allowed, .bounds) }
        let (now, wanted) = (figures.load.instances(of: terms.capacity), Double(figures.wanted))
        let soon = now * max(1, figures.growth)
        if soon > terms.upper * wanted {
            let next = bounded(max(enough(soon), figures.wanted + 1))
            guard next > figures.wanted, quiet >= terms.coolDownOut else { return .stay }
            return .scale(to: next, now > terms.upper * wanted ? .busy : .ahead)
        }
        // Who does not report may be busy.
        guard soon < terms.lower * wanted, figures.reporting >= figures.wanted, quiet >= terms.coolDownIn else { return .stay }
        let step = max(1, Int(wanted * terms.stepIn))
        let next = bounded(max(enough(soon), figures.wanted - step))
        return next < figures.wanted ? .scale(to: next, .idle) : .stay
    }

    /// So many that each is as busy as is aimed at.
    private func enough(_ full: Double) -> Int { Int((full / terms.target).rounded(.up)) }

    private func bounded(_ count: Int) -> Int { min(max(count, terms.instances.lowerBound), terms.instances.upperBound) }
}
