import Contracts

@testable import Chats
@testable import Users

/// A run from beginning to end: a time of faults, a time without faults, and the checks at the end.
struct FaultRun {
    static let length: Int64 = 60_000
    /// The time within which the system must recover by itself after the last fault.
    static let recovery: Int64 = 60_000

    let system: SimulatedSystem
    private var simulator: Simulator { system.simulator }

    init(seed: UInt64, isTraced: Bool = false) { system = SimulatedSystem(seed: seed, isTraced: isTraced) }

    /// - Returns: the broken promise; `nil` if all hold.
    func run() -> String? {
        system.start()
        scheduleFault()
        simulator.run(until: Self.length)
        heal()
        for person in system.people { person.stopChangingContacts() }
        simulator.run(until: Self.length + Self.recovery / 2)
        // Before the blocks end: those last events, which arrive in order, would hide an earlier error.
        checkBlocks()
        for person in system.people {
            person.stopWriting()
            person.unblock()
        }
        simulator.run(until: Self.length + Self.recovery)
        checkPromises()
        system.end()
        return simulator.violation
    }

    // MARK: Faults

    private func scheduleFault() {
        let interval = system.faults.faultInterval
        guard interval > 0 else { return }
        simulator.after(simulator.between(1, 2 * interval)) {
            if simulator.now >= Self.length { return }
            injectFault()
            scheduleFault()
        }
    }

    private func injectFault() {
        // idgen has more faults: a lease changes hands only if several processes fail one after another.
        let (faults, host) = (system.faults, simulator.oneOf(system.hosts + system.idgens + system.idgens))
        switch simulator.between(0, 3) {
        case 0 where faults.crashes: crash(host)
        case 1 where faults.freezes: host.freeze(for: simulator.between(10, 15_000))
        case 2 where faults.clocks: disturb(host)
        case 3 where faults.outages: cutOff(host)
        default: break
        }
    }

    private func crash(_ host: Host) {
        let length = simulator.between(10, 6_000)
        if let idgen = host as? IDGenHost, simulator.happens(0.3) { idgen.retire(for: length) } else { host.crash(for: length) }
    }

    /// Disturbs a clock. Most services tolerate a second of difference; idgen must tolerate any.
    private func disturb(_ host: Host) {
        simulator.record("the clock of \(host.name) is disturbed")
        let most: Int64 = host is IDGenHost ? 20_000 : 1_000
        switch simulator.between(0, 4) {
        case 0: host.clock.jump(by: simulator.between(-most, most), at: simulator.now)
        case 1: host.clock.run(at: Double(simulator.between(50, 200)) / 100, from: simulator.now)
        case 2: stopClock(of: host)
        case 3: system.chatRows.clock.jump(by: simulator.between(-3_000, 3_000), at: simulator.now)
        default: host.clock.correct(at: simulator.now)
        }
    }

    private func stopClock(of host: Host) {
        host.clock.run(at: 0, from: simulator.now)
        simulator.after(simulator.between(10, 3_000)) { host.clock.run(at: 1, from: simulator.now) }
    }

    private func cutOff(_ host: Host) {
        let length = simulator.between(10, 3_000)
        if simulator.happens(0.5) { return system.stopDatabase(simulator.oneOf(["chats", "users", "idgen"]), for: length) }
        (host as? EdgeHost)?.disconnect(for: length)
        (host as? ChatsHost)?.disconnect(for: length)
    }

    private func heal() {
        simulator.record("the faults end")
        system.broker.faults = .none
        system.chatRows.clock.correct(at: simulator.now)
        for host in system.hosts {
            host.clock.correct(at: simulator.now)
            host.thaw()
            host.start()
        }
    }

    // MARK: Checks

    private func checkPromises() {
        for send in system.people.flatMap(\.sends) {
            simulator.check(
                send.answer != nil,
                "\(send.key), begun at \(send.begunAt), has no answer; last error: \(send.lastError.map { "\($0)" } ?? "none")"
            )
            simulator.check(
                system.chatRows.stored[send.key]?.message == send.answer, "\(send.key) is stored differently than acknowledged")
        }
        for (chat, messages) in system.chatRows.history {
            let received = system.received[chat, default: [:]]
            simulator.check(
                received.count == messages.count && messages.allSatisfy { received[$0.seq] == $0 },
                "of \(messages.count) messages in chat \(chat), \(received.count) were published")
        }
        simulator.check(system.chatRows.outbox.count == 0 && system.userRows.outbox.count == 0, "events are left in an outbox")
        simulator.check(system.blockQueue.count == 0 && system.sentQueue.count == 0, "events are left in a queue")
        checkBlocks()
    }

    private func checkBlocks() {
        for (pair, record) in system.userRows.relationships {
            for side in Relationship.Side.allCases {
                let (user, other) = (pair.user(side), pair.user(side.other))
                let (blocked, copy) = (
                    record.relationship.blockers.contains(side), system.chatRows.blocks.isBlocked(other, by: user)
                )
                simulator.check(blocked == copy, "\(user) blocks \(other): \(blocked); in the copy of chats: \(copy)")
            }
        }
    }
}
