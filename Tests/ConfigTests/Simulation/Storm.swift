@testable import Config

/// Everything goes wrong for a while, then nothing any more.
struct Storm {
    let deployment: Deployment
    private var world: World { deployment.world }

    init(seed: UInt64) {
        deployment = Deployment(seed: seed, members: 5)
        for member in deployment.members { member.start() }
        deployment.run(for: 6_000)
    }

    func rage(for milliseconds: Int) {
        let end = world.now + milliseconds
        while world.now < end, deployment.broken == nil {
            strike()
            deployment.run(for: world.number(20...1_200))
        }
    }

    /// All that was broken works again, and those who died come back.
    func calm() {
        world.loss = 0
        for config in deployment.configs {
            (config.isCut, config.isDeaf, config.isBlind) = (false, false, false)
            if !config.isAlive { config.start() }
        }
        for member in deployment.members where !member.isAlive { member.start() }
    }

    private func strike() {
        let (members, configs) = (deployment.members, deployment.configs)
        let member = members[world.number(0...members.count - 1)]
        let config = configs[world.number(0...configs.count - 1)]
        switch world.number(0...16) {
        case 0, 1: fall(member)
        case 2: member.start()  // died, and was started at once
        case 3: member.pause(for: world.number(100...6_000))
        case 4, 5: if member.isAlive { member.leave() }
        case 6: fall(config)
        case 7: config.start()
        case 8: config.pause(for: world.number(100...6_000))
        case 9: cut([config])
        case 10: if world.chance(0.3) { cut(configs) }
        case 13: blind([config])
        case 14: if world.chance(0.3) { blind(configs) }
        case 15: deafen(config)
        case 11: deployment.database.offset += world.number(-10_000...10_000)
        case 12: world.loss = world.chance(0.6) ? 0 : Double(world.number(1...20)) / 100
        default: leader?.pause(for: world.number(500...4_000))
        }
        // Who has left comes back sooner or later.
        for member in members where !member.isAlive && world.chance(0.2) { member.start() }
    }

    private func fall(_ process: Process) {
        process.die()
        let life = process.life
        world.after(world.number(0...5_000)) { if process.life == life { process.start() } }
    }

    private func cut(_ configs: [SimulatedConfig]) {
        for config in configs { config.isCut = true }
        world.after(world.number(50...4_000)) { for config in configs { config.isCut = false } }
    }

    private func blind(_ configs: [SimulatedConfig]) {
        for config in configs { config.isBlind = true }
        world.after(world.number(50...6_000)) { for config in configs { config.isBlind = false } }
    }

    /// After a while the broker gives it up, and later it finds out.
    private func deafen(_ config: SimulatedConfig) {
        config.isDeaf = true
        world.after(world.number(500...6_000)) { [world] in
            config.isCut = true
            world.after(world.number(0...1_000)) { (config.isDeaf, config.isCut) = (false, false) }
        }
    }

    private var leader: SimulatedConfig? { deployment.configs.first { $0.name == deployment.database.holder } }
}
