import TestSupport
import Testing

@testable import Config

@Suite("Scaling: the policy") struct ScalingPolicyTests {
    private static let terms: ScalingPolicy.Terms = {
        var terms = ScalingPolicy.Terms()
        terms.capacity = Load(connections: 1_000, cpu: 1, outboundBytes: 1_000_000)
        terms.instances = 2...10
        return terms
    }()

    private func figures(
        _ connections: Double, cpu: Double = 0, bytes: Double = 0, wanted: Int, reporting: Int? = nil, growth: Double = 1
    ) -> ScalingPolicy.Figures {
        .init(
            load: Load(connections: connections, cpu: cpu, outboundBytes: bytes), reporting: reporting ?? wanted, wanted: wanted,
            growth: growth)
    }

    /// Long after the last change.
    private func decision(_ figures: ScalingPolicy.Figures) -> ScalingPolicy.Decision {
        var policy = ScalingPolicy(Self.terms, at: .zero)
        return policy.decide(figures, at: .seconds(86_400))
    }

    @Test("between the thresholds nothing happens; above there will be more, below fewer, and then neither threshold is near")
    func thresholds() {
        #expect(decision(figures(3_200, wanted: 4)) == .stay)
        #expect(decision(figures(3_201, wanted: 4)) == .scale(to: 5, .busy))
        #expect(decision(figures(7_000, wanted: 4)) == .scale(to: 10, .busy))
        #expect(decision(figures(2_000, wanted: 4)) == .stay)
        #expect(decision(figures(1_940, wanted: 4)) == .scale(to: 3, .idle))
    }

    @Test("what is scarcest counts")
    func scarcest() {
        #expect(decision(figures(100, cpu: 3.3, wanted: 4)) == .scale(to: 6, .busy))
        #expect(decision(figures(100, bytes: 3_300_000, wanted: 4)) == .scale(to: 6, .busy))
        #expect(decision(figures(100, cpu: 2.5, wanted: 4)) == .stay)
    }

    @Test("what the last days say is provided for, and not taken away shortly before")
    func ahead() {
        #expect(decision(figures(2_800, wanted: 4, growth: 1.2)) == .scale(to: 6, .ahead))
        #expect(decision(figures(1_900, wanted: 4, growth: 1.2)) == .stay)
        #expect(decision(figures(1_900, wanted: 4, growth: 0.5)) == .scale(to: 3, .idle))
    }

    @Test("never fewer or more than allowed, and nothing is taken away while somebody does not report")
    func bounds() {
        #expect(decision(figures(0, wanted: 2)) == .stay)
        #expect(decision(figures(0, wanted: 1)) == .scale(to: 2, .bounds))
        #expect(decision(figures(90_000, wanted: 8)) == .scale(to: 10, .busy))
        #expect(decision(figures(90_000, wanted: 10)) == .stay)
        #expect(decision(figures(0, wanted: 12)) == .scale(to: 10, .bounds))
        #expect(decision(figures(100, wanted: 8, reporting: 7)) == .stay)
    }

    @Test("after a change it waits: a little before adding more, long before taking away")
    func coolDown() {
        var policy = ScalingPolicy(Self.terms, at: .zero)
        #expect(policy.decide(figures(100, wanted: 8), at: .seconds(500)) == .stay)
        #expect(policy.decide(figures(3_500, wanted: 4), at: .seconds(510)) == .scale(to: 6, .busy))
        #expect(policy.decide(figures(5_500, wanted: 6), at: .seconds(569)) == .stay)
        #expect(policy.decide(figures(5_500, wanted: 6), at: .seconds(570)) == .scale(to: 9, .busy))
        #expect(policy.decide(figures(100, wanted: 9), at: .seconds(1_169)) == .stay)
        #expect(policy.decide(figures(100, wanted: 9), at: .seconds(1_170)) == .scale(to: 8, .idle))
    }

    @Test("whatever the load does, a decision is not taken back at once", arguments: UInt64(1)...20)
    func noFlapping(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var (policy, wanted, load, last) = (ScalingPolicy(Self.terms, at: .zero), 4, 2_500.0, 0)
        var changes = 0
        for second in stride(from: 0, to: 86_400, by: 15) {
            load = max(0, min(7_500, load * Double.random(in: 0.95...1.0525, using: &random)))
            guard case .scale(let count, let reason) = policy.decide(figures(load, wanted: wanted), at: .seconds(second)) else {
                continue
            }
            #expect(count != wanted)
            #expect((2...10).contains(count))
            if reason == .idle {
                #expect(changes == 0 || second - last >= 600)
            } else {
                #expect(changes == 0 || second - last >= 60)
            }
            (wanted, last, changes) = (count, second, changes + 1)
            #expect(reason == .idle ? load <= 0.8 * Double(wanted) * 1_000 : load > 0.5 * Double(wanted) * 1_000)
        }
        #expect(changes > 5)
    }
}

@Suite("Scaling: the curve of the last days") struct LoadCurveTests {
    private let capacity = Load(connections: 100, cpu: 1, outboundBytes: 1)
    private func load(_ connections: Double) -> Load { Load(connections: connections, cpu: 0, outboundBytes: 0) }

    @Test("it says what the median day said, and no more than double")
    func median() {
        let day = LoadCurve.slotsPerDay
        var curve = LoadCurve()
        for (ago, growth) in [(1, 1.2), (2, 1.3), (3, 9.0), (4, 1.1), (5, 1.25)] {
            curve.note(load(100), in: 3_000 - ago * day)
            curve.note(load(100 * growth), in: 3_000 - ago * day + 2)
        }
        #expect(curve.growth(from: 3_000, ahead: 3, of: capacity) == 1.25)
        #expect(curve.growth(from: 3_000, ahead: 1, of: capacity) == 1)
        #expect(curve.growth(from: 3_001, ahead: 3, of: capacity) == 1)
        var odd = LoadCurve()
        odd.note(load(1), in: 3_000 - day)
        odd.note(load(50), in: 3_001 - day)
        #expect(odd.growth(from: 3_000, ahead: 3, of: capacity) == 2)
    }

    @Test("a slot keeps its peak, and goes after seven days")
    func slots() {
        var curve = LoadCurve()
        curve.note(load(5), in: 10)
        curve.note(load(3), in: 10)
        #expect(curve.slots == [10: load(5)])
        for slot in 11...10 + 3 * 7 * LoadCurve.slotsPerDay { curve.note(load(1), in: slot) }
        #expect(curve.slots.count == 7 * LoadCurve.slotsPerDay + 1)
    }
}

@Suite("Scaling: a simulated week") struct WeekSimulationTests {
    @Test("a day of two million users: nobody is overloaded, instances follow the load, and users are disconnected seldom")
    func day() {
        var terms = WeekSimulation.Terms()
        (terms.days, terms.peakUsers, terms.partitionCount, terms.rolloutAt) = (1, 2_000_000, 360, nil)
        terms.policy.instances = 2...40
        var simulation = WeekSimulation(terms)
        simulation.run()
        let report = simulation.report
        #expect(report.overCapacitySeconds == 0)
        #expect(report.fullest > 0.6)
        #expect(report.instances.most <= 40)
        #expect(report.instances.least < report.instances.most / 2)
        #expect(report.changes > 10)
        #expect(report.disconnectsPerUserAndHour < 0.3)
        #expect(report.disconnects(by: .scaling) > 0.01)
        #expect(report.text(terms, in: .seconds(1)).contains("over capacity: 0 instance-seconds"))
        var again = WeekSimulation(terms)
        again.run()
        #expect(again.report.moves == report.moves)
    }
}
