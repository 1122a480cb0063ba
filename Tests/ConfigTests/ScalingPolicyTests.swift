import TestSupport
import Testing

@testable import Config

@Suite("Scaling policy") struct ScalingPolicyTests {
    private static let parameters: ScalingPolicy.Parameters = {
        var parameters = ScalingPolicy.Parameters()
        parameters.capacity = FleetLoad(connections: 1_000, cpu: 1, outboundBytes: 1_000_000)
        parameters.instances = 2...10
        return parameters
    }()

    private func observation(
        _ connections: Double, cpu: Double = 0, bytes: Double = 0, desired: Int, reporting: Int? = nil, growth: Double = 1
    ) -> ScalingPolicy.Observation {
        .init(
            load: FleetLoad(connections: connections, cpu: cpu, outboundBytes: bytes), reporting: reporting ?? desired,
            desired: desired,
            growth: growth)
    }

    /// Returns the decision long after the last change.
    private func decision(_ observation: ScalingPolicy.Observation) -> ScalingPolicy.Decision {
        var policy = ScalingPolicy(Self.parameters, at: .zero)
        return policy.decide(observation, at: .seconds(86_400))
    }

    @Test("between the thresholds nothing changes; beyond them the number changes to a level far from both")
    func thresholds() {
        #expect(decision(observation(3_200, desired: 4)) == .keep)
        #expect(decision(observation(3_201, desired: 4)) == .scale(to: 5, .busy))
        #expect(decision(observation(7_000, desired: 4)) == .scale(to: 10, .busy))
        #expect(decision(observation(2_000, desired: 4)) == .keep)
        #expect(decision(observation(1_940, desired: 4)) == .scale(to: 3, .idle))
    }

    @Test("the scarcest dimension decides")
    func scarcest() {
        #expect(decision(observation(100, cpu: 3.3, desired: 4)) == .scale(to: 6, .busy))
        #expect(decision(observation(100, bytes: 3_300_000, desired: 4)) == .scale(to: 6, .busy))
        #expect(decision(observation(100, cpu: 2.5, desired: 4)) == .keep)
    }

    @Test("predicted growth adds instances ahead of time, and prevents their removal")
    func ahead() {
        #expect(decision(observation(2_800, desired: 4, growth: 1.2)) == .scale(to: 6, .ahead))
        #expect(decision(observation(1_900, desired: 4, growth: 1.2)) == .keep)
        #expect(decision(observation(1_900, desired: 4, growth: 0.5)) == .scale(to: 3, .idle))
    }

    @Test("the number stays within its bounds, and nothing is removed while an instance does not report")
    func bounds() {
        #expect(decision(observation(0, desired: 2)) == .keep)
        #expect(decision(observation(0, desired: 1)) == .scale(to: 2, .bounds))
        #expect(decision(observation(90_000, desired: 8)) == .scale(to: 10, .busy))
        #expect(decision(observation(90_000, desired: 10)) == .keep)
        #expect(decision(observation(0, desired: 12)) == .scale(to: 10, .bounds))
        #expect(decision(observation(100, desired: 8, reporting: 7)) == .keep)
    }

    @Test("after a change the policy waits: briefly before it adds, longer before it removes")
    func coolDown() {
        var policy = ScalingPolicy(Self.parameters, at: .zero)
        #expect(policy.decide(observation(100, desired: 8), at: .seconds(500)) == .keep)
        #expect(policy.decide(observation(3_500, desired: 4), at: .seconds(510)) == .scale(to: 6, .busy))
        #expect(policy.decide(observation(5_500, desired: 6), at: .seconds(569)) == .keep)
        #expect(policy.decide(observation(5_500, desired: 6), at: .seconds(570)) == .scale(to: 9, .busy))
        #expect(policy.decide(observation(100, desired: 9), at: .seconds(1_169)) == .keep)
        #expect(policy.decide(observation(100, desired: 9), at: .seconds(1_170)) == .scale(to: 8, .idle))
    }

    @Test("no decision is reversed within its cool-down, whatever the load does", arguments: UInt64(1)...20)
    func noFlapping(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var (policy, wanted, load, last) = (ScalingPolicy(Self.parameters, at: .zero), 4, 2_500.0, 0)
        var changes = 0
        for second in stride(from: 0, to: 86_400, by: 15) {
            load = max(0, min(7_500, load * Double.random(in: 0.95...1.0525, using: &random)))
            guard case .scale(let count, let reason) = policy.decide(observation(load, desired: wanted), at: .seconds(second))
            else {
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

@Suite("Load curve") struct LoadCurveTests {
    private let capacity = FleetLoad(connections: 100, cpu: 1, outboundBytes: 1)
    private func load(_ connections: Double) -> FleetLoad { FleetLoad(connections: connections, cpu: 0, outboundBytes: 0) }

    @Test("growth is that of the median day, and at most double")
    func median() {
        let day = LoadCurve.slotsPerDay
        var curve = LoadCurve()
        for (ago, growth) in [(1, 1.2), (2, 1.3), (3, 9.0), (4, 1.1), (5, 1.25)] {
            curve.record(load(100), in: 3_000 - ago * day)
            curve.record(load(100 * growth), in: 3_000 - ago * day + 2)
        }
        #expect(curve.growth(from: 3_000, ahead: 3, of: capacity) == 1.25)
        #expect(curve.growth(from: 3_000, ahead: 1, of: capacity) == 1)
        #expect(curve.growth(from: 3_001, ahead: 3, of: capacity) == 1)
        var odd = LoadCurve()
        odd.record(load(1), in: 3_000 - day)
        odd.record(load(50), in: 3_001 - day)
        #expect(odd.growth(from: 3_000, ahead: 3, of: capacity) == 2)
    }

    @Test("a slot keeps its peak and is dropped after seven days")
    func slots() {
        var curve = LoadCurve()
        curve.record(load(5), in: 10)
        curve.record(load(3), in: 10)
        #expect(curve.slots == [10: load(5)])
        for slot in 11...10 + 3 * 7 * LoadCurve.slotsPerDay { curve.record(load(1), in: slot) }
        #expect(curve.slots.count == 7 * LoadCurve.slotsPerDay + 1)
    }
}

@Suite("Simulated week") struct WeekSimulationTests {
    @Test("with two million users for a day, no instance is overloaded, instances follow the load, and disconnects are rare")
    func day() {
        var parameters = WeekSimulation.Parameters()
        parameters.days = 1
        parameters.peakUsers = 2_000_000
        parameters.partitionCount = 360
        parameters.rolloutAt = nil
        parameters.policy.instances = 2...40
        var simulation = WeekSimulation(parameters)
        simulation.run()
        let report = simulation.report
        #expect(report.overCapacitySeconds == 0)
        #expect(report.fullest > 0.6)
        #expect(report.instances.most <= 40)
        #expect(report.instances.least < report.instances.most / 2)
        #expect(report.changes > 10)
        #expect(report.disconnectsPerUserAndHour < 0.3)
        #expect(report.disconnects(by: .scaling) > 0.01)
        #expect(report.text(parameters, in: .seconds(1)).contains("over capacity: 0 instance-seconds"))
        var again = WeekSimulation(parameters)
        again.run()
        #expect(again.report.moves == report.moves)
    }
}
