/// Detects dead members: those whose number of heartbeats has not grown for longer than a lease.
///
/// It reads only its own monotonic clock, and it counts from when it first saw a member's latest heartbeat,
/// so no two clocks are compared. After an interruption, in which heartbeats may not have reached the
/// database or this process, it restarts every count. A member is therefore dead only after everything has
/// worked for one lease without a break.
struct MemberFailureDetector: Sendable {
    /// How many heartbeats the database has counted for one member.
    struct HeartbeatCount: Hashable, Sendable {
        let id: MemberID
        let count: Int64
    }

    private let silence: Duration
    /// A pause between two observations that is longer than this is an interruption: this process stood
    /// still.
    private let longestPause: Duration
    private var observedAt = Duration.zero
    private var seen: [String: (heartbeats: HeartbeatCount, since: Duration)] = [:]
    /// Silence counts from this time at the earliest.
    private var countingFrom = Duration.zero

    init(_ timing: LeaseTiming) {
        silence = timing.silence
        longestPause = timing.lease / 2
    }

    /// Returns the members that are dead, in order of their ids.
    ///
    /// - Parameters:
    ///   - counts: of all members, as they are now.
    ///   - now: by a monotonic clock.
    mutating func observe(_ counts: [HeartbeatCount], at now: Duration) -> [HeartbeatCount] {
        if now - observedAt > longestPause { interrupt() }
        observedAt = now
        var next: [String: (heartbeats: HeartbeatCount, since: Duration)] = [:]
        for heartbeats in counts {
            let name = heartbeats.id.instance
            if let known = seen[name], known.heartbeats == heartbeats {
                next[name] = known
            } else {
                next[name] = (heartbeats, max(now, countingFrom))
            }
        }
        seen = next
        return next.values.filter { now - $0.since >= silence }.map(\.heartbeats).sorted { $0.id < $1.id }
    }

    /// Forgets a dead member. A process that returns under this name starts a new count.
    mutating func forget(_ instance: String) { seen[instance] = nil }

    /// Restarts all counts, because heartbeats may have been missed.
    ///
    /// - Parameter end: until when members may still be unable to send heartbeats.
    mutating func interrupt(until end: Duration = .zero) {
        seen = [:]
        countingFrom = max(countingFrom, end)
    }
}
