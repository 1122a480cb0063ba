import TestSupport
import Testing

@testable import Config
@testable import Messaging

/// Runs the rules of `config` and `messaging` together, while messages are delayed and lost, processes die
/// and pause, and clocks run wrong. One seed determines a run.
@Suite("Routing, simulated") struct RoutingSimulationTests {
    static let seeds: [UInt64] = {
        if let one = UInt64(TestStack.value("SIMULATION_SEED")) { return [one] }
        let fresh = Int(TestStack.value("SIMULATION_SEEDS")) ?? 4
        return Array(1...20) + (0..<fresh).map { _ in UInt64.random(in: 1_000...999_999_999) }
    }()

    @Test(
        "under any faults no partition has two owners; after the repair all partitions are served, evenly",
        arguments: seeds)
    func storm(seed: UInt64) {
        let storm = RoutingStorm(seed: seed)
        storm.rage(for: 60_000)
        storm.calm()
        // Paused processes resume within 6 s. Then the leases of a dead leader and of dead members may have
        // to expire.
        let deployment = storm.deployment
        deployment.run(for: 6_000)
        #expect(deployment.time(within: 6_000) { deployment.unserved.isEmpty } != nil, "seed \(seed): \(deployment.unserved)")
        #expect(deployment.time(within: 20_000) { deployment.isSettled } != nil, "seed \(seed): \(deployment.counts)")
        #expect(deployment.violation == nil, "seed \(seed): make simulate seed=\(seed)")
        #expect(deployment.network.handled > 2_000)
        #expect(deployment.rows.table.epoch > 10)
        #expect(deployment.members.reduce(0) { $0 + $1.acquired } > 24)
    }

    private static func settledDeployment(_ seed: UInt64, members count: Int, partitions: Int = 360) -> SimulatedDeployment {
        let deployment = SimulatedDeployment(seed: seed, partitionCount: partitions, members: 8, limit: partitions / 16)
        for member in deployment.members.prefix(count) { member.start() }
        #expect(deployment.time(within: 20_000) { deployment.isSettled && deployment.counts.count == count } != nil)
        return deployment
    }

    @Test("the partitions of a dead member are served elsewhere within 3 s, and no others move", arguments: UInt64(1)...10)
    func death(seed: UInt64) {
        let deployment = Self.settledDeployment(seed, members: 4)
        let before = deployment.members.map(\.acquired)
        deployment.run(for: deployment.network.number(0...500))
        let lost = deployment.members[1].assigned.count
        deployment.members[1].die()
        let time = deployment.time(within: 3_000) { deployment.unserved.isEmpty }
        #expect(time != nil, "\(deployment.unserved.count) of \(lost)")
        deployment.run(for: 5_000)
        #expect(deployment.isSettled)
        #expect(zip(deployment.members, before).reduce(0) { $0 + $1.0.acquired - $1.1 } == lost)
        #expect(deployment.violation == nil)
    }

    @Test("when a member joins, the fewest partitions move, within the handover limit", arguments: UInt64(1)...10)
    func join(seed: UInt64) {
        let deployment = Self.settledDeployment(seed, members: 4)
        let before = deployment.members.map(\.acquired)
        deployment.members[4].start()
        var most = 0
        let time = deployment.time(within: 5_000) {
            most = max(most, deployment.rows.table.handovers.count)
            return deployment.members[4].assigned.count == 72 && deployment.isSettled
        }
        #expect(time != nil)
        #expect(zip(deployment.members, before).map { $0.acquired - $1 }.prefix(5) == [0, 0, 0, 0, 72])
        #expect((1...360 / 16).contains(most))
        #expect(deployment.violation == nil)
    }

    @Test("when a member leaves, all its partitions move at once, and no others", arguments: UInt64(1)...10)
    func leave(seed: UInt64) {
        let deployment = Self.settledDeployment(seed, members: 4)
        let before = deployment.members.map(\.acquired)
        deployment.members[0].leave()
        #expect(deployment.time(within: 1_500) { !deployment.members[0].isAlive } != nil)
        #expect(deployment.time(within: 500) { deployment.unserved.isEmpty } != nil)
        deployment.run(for: 3_000)
        #expect(deployment.isSettled)
        #expect(zip(deployment.members, before).map { $0.acquired - $1 }.prefix(4) == [0, 30, 30, 30])
        #expect(deployment.violation == nil)
    }

    @Test("when the leader dies, another instance leads within 3 s, and no partition moves", arguments: UInt64(1)...10)
    func leaderDies(seed: UInt64) {
        let deployment = Self.settledDeployment(seed, members: 4)
        let (epoch, term) = (deployment.rows.table.epoch, deployment.rows.term)
        deployment.leader?.die()
        #expect(deployment.time(within: 3_000) { deployment.rows.term > term } != nil)
        deployment.run(for: 10_000)
        #expect(deployment.rows.table.epoch == epoch)
        #expect(deployment.unserved.isEmpty)
    }

    @Test(
        "while all of config is dead or cut off from Postgres, members keep their partitions, and none moves",
        arguments: UInt64(1)...5, [true, false])
    func allConfigsAway(seed: UInt64, areDead: Bool) {
        let deployment = Self.settledDeployment(seed, members: 4)
        let (epoch, assigned) = (deployment.rows.table.epoch, deployment.members.map(\.assigned))
        for config in deployment.configs { if areDead { config.die() } else { config.isCutOff = true } }
        #expect(deployment.time(within: 5_000) { !deployment.unserved.isEmpty } == nil)
        for config in deployment.configs { if areDead { config.start() } else { config.isCutOff = false } }
        deployment.run(for: 5_000)
        #expect(deployment.rows.table.epoch == epoch)
        #expect(deployment.members.map(\.assigned) == assigned)
    }

    @Test(
        "while one config is cut off from Postgres, live members keep their partitions, and a dead member is detected",
        arguments: UInt64(1)...10)
    func oneConfigCut(seed: UInt64) {
        let deployment = Self.settledDeployment(seed, members: 4)
        let (epoch, assigned) = (deployment.rows.table.epoch, deployment.members.map(\.assigned))
        deployment.configs.first { $0.name != deployment.rows.holder }?.isCutOff = true
        #expect(deployment.time(within: 10_000) { !deployment.unserved.isEmpty } == nil)
        #expect(deployment.rows.table.epoch == epoch)
        #expect(deployment.members.map(\.assigned) == assigned)
        deployment.members[1].die()
        #expect(deployment.time(within: 4_000) { deployment.unserved.isEmpty } != nil)
        #expect(deployment.time(within: 5_000) { deployment.isSettled } != nil)
        #expect(deployment.violation == nil)
    }

    @Test(
        "when the leader dies while all others are cut off from Postgres, members keep their partitions",
        arguments: UInt64(1)...10)
    func leaderDiesOthersCut(seed: UInt64) {
        let deployment = Self.settledDeployment(seed, members: 4)
        let assigned = deployment.members.map(\.assigned)
        for config in deployment.configs { config.isCutOff = config.name != deployment.rows.holder }
        deployment.run(for: 3_000 + deployment.network.number(0...1_000))
        deployment.configs.first { !$0.isCutOff }?.die()
        #expect(deployment.time(within: 10_000) { !deployment.unserved.isEmpty } == nil)
        #expect(deployment.members.map(\.assigned) == assigned)
    }

    @Test("when the broker hangs unnoticed, no member is declared dead, and no partition moves", arguments: UInt64(1)...10)
    func brokerHangs(seed: UInt64) {
        let deployment = Self.settledDeployment(seed, members: 4)
        let epoch = deployment.rows.table.epoch
        for config in deployment.configs { config.isDeaf = true }
        deployment.run(for: 5_000)
        #expect(deployment.unserved.count == 360)
        for config in deployment.configs { config.isDeaf = false }
        #expect(deployment.time(within: 3_000) { deployment.unserved.isEmpty } != nil)
        deployment.run(for: 5_000)
        #expect(deployment.rows.table.epoch == epoch)
    }

    @Test("a member whose feed stays lost hands its partitions over after five seconds, and receives some when it starts")
    func feedLost() {
        let deployment = Self.settledDeployment(1, members: 4)
        deployment.members[2].loseFeed(for: 15_000)
        #expect(deployment.time(within: 5_000) { deployment.members[2].assigned.count < 90 } == nil)
        #expect(deployment.time(within: 4_000) { deployment.members[2].assigned.isEmpty } != nil)
        #expect(deployment.time(within: 2_000) { deployment.unserved.isEmpty } != nil)
        #expect(deployment.time(within: 15_000) { deployment.isSettled && deployment.members[2].assigned.count == 90 } != nil)
        #expect(deployment.violation == nil)
    }

    @Test(
        "a member that pauses for longer than its lease serves nothing when it resumes, until it has a new lease",
        arguments: UInt64(1)...10)
    func pause(seed: UInt64) {
        let deployment = Self.settledDeployment(seed, members: 4)
        deployment.members[3].pause(for: 6_000)
        deployment.run(for: 5_000)
        #expect(deployment.unserved.isEmpty)
        #expect(deployment.time(within: 10_000) { deployment.isSettled && deployment.counts == [90, 90, 90, 90] } != nil)
        #expect(deployment.violation == nil)
    }

    @Test("one seed determines a run")
    func sameRun() {
        let runs = (0..<2).map { _ in
            let storm = RoutingStorm(seed: 3)
            storm.rage(for: 20_000)
            return [storm.deployment.network.handled, Int(storm.deployment.rows.table.epoch)]
        }
        #expect(runs[0] == runs[1])
    }
}
