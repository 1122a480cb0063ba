import Contracts

@testable import Chats
@testable import Users

/// A run from beginning to end: trouble, then peace, and what must be true by then.
struct Storm {
    static let length: Int64 = 60_000
    /// After the trouble everything must come right by itself within this time.
    static let recovery: Int64 = 60_000

    let world: World
    private var simulator: Simulator { world.simulator }

    init(seed: UInt64, isTraced: Bool = false) { world = World(seed: seed, isTraced: isTraced) }

    /// - Returns: the promise that was broken, if one was.
    func run() -> String? {
        world.start()
        blow()
        simulator.run(until: Self.length)
        heal()
        for person in world.people { person.stopMeddling() }
        simulator.run(until: Self.length + Self.recovery / 2)
        // Before the peace, whose facts come last and in order, and would hide what had gone wrong.
        judgeBlocks()
        for person in world.people {
            person.stopWriting()
            person.makePeace()
        }
        simulator.run(until: Self.length + Self.recovery)
        judge()
        world.end()
        return simulator.violation
    }

    // MARK: Trouble

    private func blow() {
        let every = world.weather.blowEvery
        guard every > 0 else { return }
        simulator.after(simulator.between(1, 2 * every)) {
            if simulator.now >= Self.length { return }
            strike()
            blow()
        }
    }

    private func strike() {
        // Leases are taken over only where several processes fail one after the other.
        let (weather, host) = (world.weather, simulator.oneOf(world.hosts + world.idgens + world.idgens))
        switch simulator.between(0, 3) {
        case 0 where weather.crashes: crash(host)
        case 1 where weather.freezes: host.freeze(for: simulator.between(10, 15_000))
        case 2 where weather.clocks: disturb(host)
        case 3 where weather.outages: cut(host)
        default: break
        }
    }

    private func crash(_ host: Host) {
        let length = simulator.between(10, 6_000)
        if let idgen = host as? IDGenHost, simulator.happens(0.3) { idgen.retire(for: length) } else { host.crash(for: length) }
    }

    /// Most services bear seconds between their clocks; ids must bear anything.
    private func disturb(_ host: Host) {
        simulator.note("the clock of \(host.name) is disturbed")
        let most: Int64 = host is IDGenHost ? 20_000 : 1_000
        switch simulator.between(0, 4) {
        case 0: host.clock.jump(by: simulator.between(-most, most), at: simulator.now)
        case 1: host.clock.run(at: Double(simulator.between(50, 200)) / 100, from: simulator.now)
        case 2: stop(host)
        case 3: world.chatRows.clock.jump(by: simulator.between(-3_000, 3_000), at: simulator.now)
        default: host.clock.setRight(at: simulator.now)
        }
    }

    private func stop(_ host: Host) {
        host.clock.run(at: 0, from: simulator.now)
        simulator.after(simulator.between(10, 3_000)) { host.clock.run(at: 1, from: simulator.now) }
    }

    private func cut(_ host: Host) {
        let length = simulator.between(10, 3_000)
        if simulator.happens(0.5) { return world.takeAway(simulator.oneOf(["chats", "users", "idgen"]), for: length) }
        (host as? EdgeHost)?.disconnect(for: length)
        (host as? ChatsHost)?.disconnect(for: length)
    }

    private func heal() {
        simulator.note("all is well again")
        world.broker.weather = .calm
        world.chatRows.clock.setRight(at: simulator.now)
        for host in world.hosts {
            host.clock.setRight(at: simulator.now)
            host.thaw()
            host.start()
        }
    }

    // MARK: What must be true in the end

    private func judge() {
        for send in world.people.flatMap(\.sends) {
            simulator.check(
                send.answer != nil,
                "\(send.key) was begun at \(send.begunAt) and is not answered; last: \(send.lastError.map { "\($0)" } ?? "nothing")"
            )
            simulator.check(
                world.chatRows.stored[send.key]?.message == send.answer, "\(send.key) is not stored as it was acknowledged")
        }
        for (chat, messages) in world.chatRows.history {
            let heard = world.heard[chat, default: [:]]
            simulator.check(
                heard.count == messages.count && messages.allSatisfy { heard[$0.seq] == $0 },
                "of \(messages.count) messages in chat \(chat) the facts tell of \(heard.count)")
        }
        simulator.check(world.chatRows.outbox.count == 0 && world.userRows.outbox.count == 0, "facts are left in an outbox")
        simulator.check(world.blockQueue.count == 0 && world.sentQueue.count == 0, "facts are left in a queue")
        judgeBlocks()
    }

    private func judgeBlocks() {
        for (pair, record) in world.userRows.relationships {
            for side in Relationship.Side.allCases {
                let (user, other) = (pair.user(side), pair.user(side.other))
                let (blocked, copy) = (
                    record.relationship.blockers.contains(side), world.chatRows.blocks.isBlocked(other, by: user)
                )
                simulator.check(blocked == copy, "\(user) blocks \(other): \(blocked); by chats' copy: \(copy)")
            }
        }
    }
}
