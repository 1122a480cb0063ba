import Contracts

/// Knows from the heartbeats of leaders whether another instance of `config` leads and can reach Postgres.
struct PeerLeaderMonitor: Sendable {
    /// Half a lease: two heartbeats may get lost, and a member that was sent to the peer in vain can still
    /// ask again before its lease expires.
    private let freshness: Duration
    private var last: (instance: String, at: Duration)?

    init(_ timing: LeaseTiming) { freshness = timing.lease / 2 }

    /// - Parameter heartbeat: of another instance. One that is cut off from Postgres does not count as a
    ///   leader.
    mutating func received(_ heartbeat: RoutingPulse, at now: Duration) {
        if !heartbeat.isCut {
            last = (heartbeat.instance, now)
        } else if last?.instance == heartbeat.instance {
            last = nil
        }
    }

    func isFresh(at now: Duration) -> Bool { last.map { now - $0.at < freshness } ?? false }
}
