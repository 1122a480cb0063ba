import Contracts

/// All that the leader knows and decides, without speaking to anybody.
///
/// It is told what Postgres holds, and says what to write there. What it says is right only at once after it was told.
struct LeaderState: Sendable {
    /// A member, as the database has it now.
    struct Sighting: Hashable, Sendable {
        let instance: String
        /// Heartbeats so far.
        var beats: Int64
        /// Which of them was the last that said something new.
        var news: Int64
        /// What it said; `nil` when that is known, by its number.
        var member: MemberReport?
    }

    /// What to write, all or nothing, while the term and the epoch are what they were.
    struct Change: Sendable {
        let term: Int64
        let before: RoutingTable
        let after: RoutingTable
        /// Dead: to be forgotten, if they have not beaten since.
        let dead: [MemberWatch.Pulse]
        /// Those who are there.
        let members: [MemberID: MemberReport]
    }

    private let terms: LeaseTerms
    let limit: Int
    private(set) var leadership: Leadership
    private var watch: MemberWatch
    /// As it was last read or written; `nil` before, and when it may be another.
    private(set) var table: RoutingTable?
    /// What was heard last, by name.
    private var heard: [String: (news: Int64, member: MemberReport)] = [:]
    private(set) var members: [MemberID: MemberReport] = [:]
    /// When it last heard itself through the broker.
    private var heardItself = Duration.zero
    private var pulsed = Duration.zero
    /// Nothing that was said since the last decision could lead to another one.
    private var isSettled = false

    /// - Parameter limit: partitions on their way at once only to even out.
    init(_ terms: LeaseTerms, limit: Int) {
        (leadership, watch) = (Leadership(terms), MemberWatch(terms))
        (self.terms, self.limit) = (terms, limit)
    }

    var term: Int64? { leadership.term }
    var isMoving: Bool { table.map { !$0.handovers.isEmpty } ?? false }

    /// What to ask of the leader row now. While nobody can be heard, what is known of silences is void.
    ///
    /// - Parameter isConnected: to the broker, as far as this process knows.
    mutating func due(at now: Duration, isConnected: Bool) -> Leadership.Ask? {
        let hears = isConnected && (term == nil || now - heardItself < terms.hearing)
        if !hears { watch.interrupt(until: now + terms.returning) }
        return leadership.due(at: now, isConnected: hears)
    }

    mutating func settled(_ term: Int64?, at now: Duration) {
        if term != leadership.term || term == nil {
            forget()
            heardItself = now
        }
        leadership.settled(term)
    }

    /// Whether a pulse is to be sent now.
    mutating func pulseIsDue(at now: Duration) -> Bool {
        guard term != nil, now - pulsed >= terms.renewal else { return false }
        pulsed = now
        return true
    }

    /// - Parameters:
    ///   - isOwn: this instance has sent it.
    ///   - isCut: whoever sent it refuses heartbeats, so that members go on that the database knows nothing of.
    mutating func heardPulse(isOwn: Bool, isCut: Bool, at now: Duration) {
        if isOwn { heardItself = now }
        if isCut { watch.interrupt() }
    }

    /// Pulses may have been missed.
    mutating func lostPulses(at now: Duration) { watch.interrupt(until: now + terms.returning) }

    mutating func loaded(_ table: RoutingTable) { (self.table, isSettled) = (table, false) }

    /// What need not be told again, by name.
    var known: [String: Int64] { heard.mapValues(\.news) }

    /// - Parameter sightings: of all members.
    /// - Returns: `nil` when nothing is to be written.
    mutating func heard(_ sightings: [Sighting], at now: Duration) -> Change? {
        guard let term, let table else { return nil }
        var next: [String: (news: Int64, member: MemberReport)] = [:]
        for sighting in sightings {
            let member = sighting.member ?? heard[sighting.instance]?.member
            if let member { next[sighting.instance] = (sighting.news, member) }
        }
        heard = next
        let pulses = sightings.compactMap { sighting in
            next[sighting.instance].map { MemberWatch.Pulse(id: $0.member.id, beats: sighting.beats) }
        }
        let dead = watch.observe(pulses, at: now)
        var living = Dictionary(uniqueKeysWithValues: next.values.map { ($0.member.id, $0.member) })
        for pulse in dead { living[pulse.id] = nil }
        if living != members { (members, isSettled) = (living, false) }
        if isSettled, dead.isEmpty { return nil }
        let after = table.next(among: living, atMost: limit)
        isSettled = after == nil
        // Who had nothing and is dead is forgotten all the same.
        if after == nil, dead.isEmpty { return nil }
        return Change(term: term, before: table, after: after ?? table, dead: dead, members: living)
    }

    /// It is written.
    mutating func wrote(_ change: Change) {
        loaded(change.after)
        for pulse in change.dead {
            heard[pulse.id.instance] = nil
            watch.forget(pulse.id.instance)
        }
    }

    /// It was not written, or nobody knows whether: all must be read again, and watched anew where the database was away.
    mutating func failed(isBreak: Bool) {
        (table, heard, isSettled) = (nil, [:], false)
        if isBreak { watch.interrupt() }
    }

    private mutating func forget() {
        (table, heard, members, isSettled) = (nil, [:], [:], false)
        watch.interrupt()
    }
}
