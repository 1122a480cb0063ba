import Contracts

/// The times that members, the leader and its followers agree on.
struct LeaseTiming: Hashable, Sendable {
    /// How long a member may serve after it sent a heartbeat, and how long a leader leads after it last wrote
    /// its row.
    var lease = Duration.seconds(2)
    /// How much longer than a lease the leader waits before it declares a silent member dead. Clocks differ
    /// in speed.
    var margin = Duration.milliseconds(250)
    /// How often the leader renews its row, and how often followers check whether the row has expired.
    var renewal = Duration.milliseconds(500)
    /// How often the leader reads the members' reports when no event triggers an earlier read.
    var poll = Duration.milliseconds(100)
    /// The same, while handovers are in progress.
    var pollDuringHandover = Duration.milliseconds(50)
    /// A leader that has not received its own heartbeat for this long assumes that members cannot reach it
    /// either.
    var selfReceipt = Duration.milliseconds(1_200)
    /// How long members may take to reconnect after the broker, or the leader's connection to it, was lost.
    var reconnect = Duration.seconds(3)

    /// A member without a new heartbeat for this long is dead.
    var silence: Duration { lease + margin }
}

/// Decides when this instance reads or writes the leader row, and knows whether it leads.
///
/// The row in Postgres names the leader, its term, and when the lease expires by the database's clock. The
/// first instance that finds it expired acquires it under the next term. A leader that renews late keeps the
/// row unless another instance has acquired it. Every write of the leader names its term, so Postgres rejects
/// late writes.
struct LeaderElection: Sendable {
    enum RowRequest: Hashable, Sendable {
        /// Acquire the row if it has expired.
        case acquire
        case renew(term: Int64)
    }

    private let renewal: Duration
    /// `nil` while this instance does not lead.
    private(set) var term: Int64?
    private var requestedAt: Duration?

    init(_ timing: LeaseTiming) { renewal = timing.renewal }

    /// Returns what to ask of the leader row now, at most once per renewal period.
    ///
    /// - Parameter isConnected: to the broker. An instance that receives no heartbeats neither acquires nor
    ///   renews.
    mutating func due(at now: Duration, isConnected: Bool) -> RowRequest? {
        guard isConnected, requestedAt.map({ now - $0 >= renewal }) ?? true else { return nil }
        requestedAt = now
        return term.map { .renew(term: $0) } ?? .acquire
    }

    /// - Parameter term: of this instance; `nil` when another instance holds the row.
    mutating func settled(_ term: Int64?) { self.term = term }
}

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

extension Duration {
    var milliseconds: Int { Int(components.seconds) * 1_000 + Int(components.attoseconds / 1_000_000_000_000_000) }
}
