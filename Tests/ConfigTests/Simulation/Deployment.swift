import Contracts

@testable import Config

/// Instances of `config` and of `messaging` in one simulated world, and what must hold in it.
final class Deployment {
    let world: World
    let database: SimulatedDatabase
    private(set) var configs: [SimulatedConfig] = []
    private(set) var members: [SimulatedMember] = []
    let partitionCount: Int
    /// What went wrong first.
    private(set) var broken: String?

    init(seed: UInt64, partitionCount: Int = 24, configs count: Int = 3, members memberCount: Int, limit: Int = 4) {
        world = World(seed: seed)
        self.partitionCount = partitionCount
        database = SimulatedDatabase(world, partitionCount: partitionCount)
        for number in 1...count {
            configs.append(
                SimulatedConfig(
                    "config-\(number)", world, database, limit: limit, tell: { [unowned self] in tellAll() },
                    pulse: { [unowned self] isCut, name in for config in configs { config.hear(isCut, from: name) } }))
        }
        for number in 1...memberCount {
            members.append(SimulatedMember("m\(number)", world) { [unowned self] member, then in beat(member, then) })
        }
        for config in configs { config.start() }
    }

    private func beat(_ member: MemberReport, _ then: @escaping (SimulatedMember.Answer?) -> Void) {
        // The broker gives it to anyone who consumes, and back when nobody does.
        guard let config = configs.filter(\.isConsuming).randomElement(using: &world.random) else {
            return world.after(world.number(1...10)) { then(.refused) }
        }
        world.ask(
            { [self] in
                if config.isPaused || config.isDeaf || !config.isAlive { return nil }
                if config.isBlind { return config.refuse() }
                let before = database.rows[member.id.instance]?.member
                guard let answer = database.beat(member) else { return nil }
                if before != member { config.nudge() }
                return .told(answer)
            }, then: then)
    }

    /// The notice, to those whom it reaches.
    private func tellAll() {
        for member in members where !world.chance(world.loss) {
            let born = member.life
            world.after(world.number(1...10)) { member.resume(born) { member.say() } }
        }
    }

    // MARK: What holds

    func run(for milliseconds: Int) { world.run(until: world.now + milliseconds) { check() } }

    private func check() {
        if broken != nil { return }
        var (accepting, having) = ([Int: String](), [Int: String]())
        for member in members {
            for partition in member.accepting {
                if let other = accepting.updateValue(member.name, forKey: partition) {
                    broken = "at \(world.now): \(partition) is accepted by \(other) and by \(member.name)"
                }
            }
            for partition in member.hasLease ? member.having : [] {
                if let other = having.updateValue(member.name, forKey: partition) {
                    broken = "at \(world.now): users of \(partition) are at \(other) and at \(member.name)"
                }
            }
        }
    }

    /// Partitions that nobody accepts users of.
    var unserved: Set<Int> { members.reduce(Set(0..<partitionCount)) { $0.subtracting($1.accepting) } }

    /// How many each has that is there to stay.
    var counts: [Int] { members.filter { $0.isAlive && !$0.isLeaving }.map(\.accepting.count) }
    var isEven: Bool { (counts.max() ?? 0) - (counts.min() ?? 0) <= 1 }
    var isSettled: Bool { unserved.isEmpty && isEven && database.table.handovers.isEmpty }

    /// Runs until it holds.
    ///
    /// - Returns: after how many milliseconds; `nil` when not within `limit`.
    func time(within limit: Int, until condition: () -> Bool) -> Int? {
        let begin = world.now
        while !condition() {
            if world.now - begin >= limit { return nil }
            run(for: 10)
        }
        return world.now - begin
    }
}
