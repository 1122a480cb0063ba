import TestSupport
import Testing

@testable import Config

/// The rules of leading and the contract of the members together, over a database and a bus that delay and lose, while everybody dies, stands still and mistakes
/// the time. Everything follows from one number.
@Suite("Routing, simulated") struct RoutingSimulationTests {
    static let seeds: [UInt64] = {
        if let one = UInt64(TestStack.value("SIMULATION_SEED")) { return [one] }
        let fresh = Int(TestStack.value("SIMULATION_SEEDS")) ?? 4
        return Array(1...20) + (0..<fresh).map { _ in UInt64.random(in: 1_000...999_999_999) }
    }()

    @Test(
        "whatever goes wrong, nobody's users are accepted by two; once things are well all are accepted, and evenly",
        arguments: seeds)
    func storm(seed: UInt64) {
        let storm = Storm(seed: seed)
        storm.rage(for: 60_000)
        storm.calm()
        // Those who stand still wake up within 6 s; then a lease of the leader and one of members who are gone may have to run out.
        let deployment = storm.deployment
        deployment.run(for: 6_000)
        #expect(deployment.time(within: 6_000) { deployment.unserved.isEmpty } != nil, "seed \(seed): \(deployment.unserved)")
        #expect(deployment.time(within: 20_000) { deployment.isSettled } != nil, "seed \(seed): \(deployment.counts)")
        #expect(deployment.broken == nil, "seed \(seed): make simulate seed=\(seed)")
        #expect(deployment.world.handled > 2_000)
        #expect(deployment.database.table.epoch > 10)
        #expect(deployment.members.reduce(0) { $0 + $1.taken } > 24)
    }

    private static func calmDeployment(_ seed: UInt64, members count: Int, partitions: Int = 360) -> Deployment {
        let deployment = Deployment(seed: seed, partitionCount: partitions, members: 8, limit: partitions / 16)
        for member in deployment.members.prefix(count) { member.start() }
        #expect(deployment.time(within: 20_000) { deployment.isSettled && deployment.counts.count == count } != nil)
        return deployment
    }

    @Test("a member dies: its partitions are elsewhere within 3 s, and no others move", arguments: UInt64(1)...10)
    func death(seed: UInt64) {
        let deployment = Self.calmDeployment(seed, members: 4)
        let before = deployment.members.map(\.taken)
        deployment.run(for: deployment.world.number(0...500))
        let lost = deployment.members[1].accepted.count
        deployment.members[1].die()
        let time = deployment.time(within: 3_000) { deployment.unserved.isEmpty }
        #expect(time != nil, "\(deployment.unserved.count) of \(lost)")
        deployment.run(for: 5_000)
        #expect(deployment.isSettled)
        #expect(zip(deployment.members, before).reduce(0) { $0 + $1.0.taken - $1.1 } == lost)
        #expect(deployment.broken == nil)
    }

    @Test("a member joins: the fewest partitions move, and at most so many at once", arguments: UInt64(1)...10)
    func join(seed: UInt64) {
        let deployment = Self.calmDeployment(seed, members: 4)
        let before = deployment.members.map(\.taken)
        deployment.members[4].start()
        var most = 0
        let time = deployment.time(within: 5_000) {
            most = max(most, deployment.database.table.handovers.count)
            return deployment.members[4].accepted.count == 72 && deployment.isSettled
        }
        #expect(time != nil)
        #expect(zip(deployment.members, before).map { $0.taken - $1 }.prefix(5) == [0, 0, 0, 0, 72])
        #expect((1...360 / 16).contains(most))
        #expect(deployment.broken == nil)
    }

    @Test("a member leaves: what it has goes all at once, and no others move", arguments: UInt64(1)...10)
    func leave(seed: UInt64) {
        let deployment = Self.calmDeployment(seed, members: 4)
        let before = deployment.members.map(\.taken)
        deployment.members[0].leave()
        #expect(deployment.time(within: 1_500) { !deployment.members[0].isAlive } != nil)
        #expect(deployment.time(within: 500) { deployment.unserved.isEmpty } != nil)
        deployment.run(for: 3_000)
        #expect(deployment.isSettled)
        #expect(zip(deployment.members, before).map { $0.taken - $1 }.prefix(4) == [0, 30, 30, 30])
        #expect(deployment.broken == nil)
    }

    @Test("the leader dies: another one leads within 3 s, and nothing moves", arguments: UInt64(1)...10)
    func leaderDies(seed: UInt64) {
        let deployment = Self.calmDeployment(seed, members: 4)
        let (epoch, term) = (deployment.database.table.epoch, deployment.database.term)
        deployment.configs.first { $0.name == deployment.database.holder }?.die()
        #expect(deployment.time(within: 3_000) { deployment.database.term > term } != nil)
        deployment.run(for: 10_000)
        #expect(deployment.database.table.epoch == epoch)
        #expect(deployment.unserved.isEmpty)
    }

    @Test(
        "all of config is away for longer than any lease, or all of it is without Postgres: members keep what they have, and nothing moves",
        arguments: UInt64(1)...5, [true, false])
    func allConfigsAway(seed: UInt64, areDead: Bool) {
        let deployment = Self.calmDeployment(seed, members: 4)
        let (epoch, taken) = (deployment.database.table.epoch, deployment.members.map { $0.accepted })
        for config in deployment.configs { if areDead { config.die() } else { config.isBlind = true } }
        #expect(deployment.time(within: 5_000) { !deployment.unserved.isEmpty } == nil)
        for config in deployment.configs { if areDead { config.start() } else { config.isBlind = false } }
        deployment.run(for: 5_000)
        #expect(deployment.database.table.epoch == epoch)
        #expect(deployment.members.map { $0.accepted } == taken)
    }

    @Test(
        "one config is without Postgres and goes on taking heartbeats: whoever lives keeps what they have, and whoever dies is found out",
        arguments: UInt64(1)...10)
    func oneConfigCut(seed: UInt64) {
        let deployment = Self.calmDeployment(seed, members: 4)
        let (epoch, taken) = (deployment.database.table.epoch, deployment.members.map { $0.accepted })
        deployment.configs.first { $0.name != deployment.database.holder }?.isBlind = true
        #expect(deployment.time(within: 10_000) { !deployment.unserved.isEmpty } == nil)
        #expect(deployment.database.table.epoch == epoch)
        #expect(deployment.members.map { $0.accepted } == taken)
        deployment.members[1].die()
        #expect(deployment.time(within: 4_000) { deployment.unserved.isEmpty } != nil)
        #expect(deployment.time(within: 5_000) { deployment.isSettled } != nil)
        #expect(deployment.broken == nil)
    }

    @Test("the leader dies while all others are without Postgres: members keep what they have", arguments: UInt64(1)...10)
    func leaderDiesOthersCut(seed: UInt64) {
        let deployment = Self.calmDeployment(seed, members: 4)
        let taken = deployment.members.map { $0.accepted }
        for config in deployment.configs { config.isBlind = config.name != deployment.database.holder }
        deployment.run(for: 3_000 + deployment.world.number(0...1_000))
        deployment.configs.first { !$0.isBlind }?.die()
        #expect(deployment.time(within: 10_000) { !deployment.unserved.isEmpty } == nil)
        #expect(deployment.members.map { $0.accepted } == taken)
    }

    @Test("the broker hangs, and no config knows of it: nobody is taken for dead, and nothing moves", arguments: UInt64(1)...10)
    func brokerHangs(seed: UInt64) {
        let deployment = Self.calmDeployment(seed, members: 4)
        let epoch = deployment.database.table.epoch
        for config in deployment.configs { config.isDeaf = true }
        deployment.run(for: 5_000)
        #expect(deployment.unserved.count == 360)
        for config in deployment.configs { config.isDeaf = false }
        #expect(deployment.time(within: 3_000) { deployment.unserved.isEmpty } != nil)
        deployment.run(for: 5_000)
        #expect(deployment.database.table.epoch == epoch)
    }
}
