import Contracts

@testable import Config

/// An instance of `config`: the rules of the real one, over the simulated database.
final class SimulatedConfig: Process {
    let name: String
    private let database: SimulatedDatabase
    private let limit: Int
    private let terms = LeaseTerms()
    private(set) var state: LeaderState
    private var others: OthersPulse
    private var isBusy = false
    /// From the broker, and it knows.
    var isCut = false
    /// From the broker, and it does not know.
    var isDeaf = false
    /// From Postgres.
    var isBlind = false
    let tell: () -> Void
    /// Sends a pulse of its own to all that hear.
    let pulse: (_ isCut: Bool, _ from: String) -> Void

    init(
        _ name: String, _ world: World, _ database: SimulatedDatabase, limit: Int, tell: @escaping () -> Void,
        pulse: @escaping (_ isCut: Bool, _ from: String) -> Void
    ) {
        (self.name, self.database, self.limit, self.tell, self.pulse) = (name, database, limit, tell, pulse)
        (state, others) = (LeaderState(terms, limit: limit), OthersPulse(terms))
        super.init(world)
    }

    /// The broker gives it heartbeats.
    var isConsuming: Bool { isAlive && !isCut }
    var hears: Bool { isAlive && !isCut && !isDeaf }

    override func start() {
        super.start()
        (state, others, isBusy) = (LeaderState(terms, limit: limit), OthersPulse(terms), false)
        tick()
    }

    /// A heartbeat that it has taken said something new.
    func nudge() { later(0) { [self] in turn() } }

    private func tick() {
        turn()
        later((state.isMoving ? terms.pollMoving : terms.poll).milliseconds) { [self] in tick() }
    }

    /// A pulse reaches it, if it hears.
    func hear(_ isCut: Bool, from name: String) {
        later(world.number(1...10)) { [self] in
            guard hears else { return }
            state.heardPulse(isOwn: name == self.name, isCut: isCut, at: clock)
            if name != self.name { others.heard(RoutingPulse(instance: name, isCut: isCut), at: clock) }
        }
    }

    /// A heartbeat comes while it is without Postgres.
    func refuse() -> SimulatedMember.Answer {
        if others.isFresh(at: clock) { return .elsewhere }
        pulse(true, name)
        return .refused
    }

    private func ask<Answer>(_ work: @escaping () -> Answer?, then: @escaping (Answer?) -> Void) {
        let born = life
        if isBlind { return world.after(20) { self.resume(born) { then(nil) } } }
        world.ask(work) { answer in self.resume(born) { then(answer) } }
    }

    private func turn() {
        if isBusy { return }
        isBusy = true
        if state.pulseIsDue(at: clock), hears { pulse(false, name) }
        let lease = terms.lease.milliseconds
        switch state.due(at: clock, isConnected: !isCut) {
        case nil: lead()
        case .take:
            ask({ [self] in database.take(name, lease) as Int64?? }) { [self] answer in
                guard let answer else { return fail() }
                state.settled(answer, at: clock)
                lead()
            }
        case .renew(let term):
            ask({ [self] in database.renew(name, term, lease) }) { [self] isOurs in
                guard let isOurs else { return fail() }
                if !isOurs { state.settled(nil, at: clock) }
                lead()
            }
        }
    }

    private func lead() {
        if state.term == nil { return isBusy = false }
        if state.table != nil { return look() }
        ask({ [self] in database.table }) { [self] table in
            guard let table else { return fail() }
            state.loaded(table)
            look()
        }
    }

    private func look() {
        let known = state.known
        ask({ [self] in database.sightings(known) }) { [self] sightings in
            guard let sightings else { return fail() }
            guard let change = state.heard(sightings, at: clock) else { return isBusy = false }
            ask({ [self] in database.write(change, by: name) }) { [self] isWritten in
                guard let isWritten else { return fail() }
                isBusy = false
                if !isWritten { return state.failed(isBreak: false) }
                state.wrote(change)
                tell()
            }
        }
    }

    private func fail() {
        isBusy = false
        state.failed(isBreak: true)
    }
}
