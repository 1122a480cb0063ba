/// How long each member has been silent, by the watcher's own clock: it compares no two clocks, so none can mislead it by being set.
///
/// It counts from when it first saw a member's last heartbeat. After a break, in which heartbeats may not have reached the database or the watcher
/// not have seen them, it begins anew: so nobody is taken for dead before all has worked for one lease time on end.
struct MemberWatch: Sendable {
    /// The heartbeats of one name, counted by the database.
    struct Pulse: Hashable, Sendable {
        let id: MemberID
        let beats: Int64
    }

    private let silence: Duration
    /// A watcher that did not look for so long was away itself.
    private let blink: Duration
    private var looked = Duration.zero
    private var seen: [String: (pulse: Pulse, since: Duration)] = [:]
    /// Silence counts from then on.
    private var counting = Duration.zero

    init(_ terms: LeaseTerms) { (silence, blink) = (terms.silence, terms.lease / 2) }

    /// - Parameters:
    ///   - pulses: of all members, as they are now.
    ///   - now: by a clock that is never set.
    /// - Returns: those who are dead.
    mutating func observe(_ pulses: [Pulse], at now: Duration) -> [Pulse] {
        if now - looked > blink { interrupt() }
        looked = now
        var next: [String: (pulse: Pulse, since: Duration)] = [:]
        for pulse in pulses {
            let name = pulse.id.instance
            if let known = seen[name], known.pulse == pulse {
                next[name] = known
            } else {
                next[name] = (pulse, max(now, counting))
            }
        }
        seen = next
        return next.values.filter { now - $0.since >= silence }.map(\.pulse).sorted { $0.id < $1.id }
    }

    /// Whoever comes back under this name comes anew.
    mutating func forget(_ instance: String) { seen[instance] = nil }

    /// Something may not have been seen.
    ///
    /// - Parameter end: until then members may be unable to be heard.
    mutating func interrupt(until end: Duration = .zero) {
        seen = [:]
        counting = max(counting, end)
    }
}
