import Contracts

/// A member's row in the database.
struct MemberRow: Hashable, Sendable {
    let instance: String
    /// The number of heartbeats so far.
    var heartbeats: Int64
    /// The number of the latest heartbeat whose report differed from the one before.
    var reportVersion: Int64
    /// `nil` when the reader knows this version of the report.
    var report: MemberReport?
}

/// A write of the leader: all of it or nothing, and only while its term and the epoch before are unchanged.
struct RoutingChange: Sendable {
    let term: Int64
    let before: RoutingTable
    let after: RoutingTable
    /// Members to delete, unless the database has counted further heartbeats of them.
    let dead: [MemberFailureDetector.HeartbeatCount]
    /// The live members.
    let members: [MemberID: MemberReport]
}

/// Everything that the leader knows and decides, without I/O.
///
/// It receives what Postgres holds and returns what to write. A change is valid only for the rows that led to
/// it.
struct LeaderState: Sendable {
    private let timing: LeaseTiming
    let limit: Int
    private(set) var election: LeaderElection
    private var failureDetector: MemberFailureDetector
    /// The table as it was last read or written; `nil` before that, and when it may be outdated.
    private(set) var table: RoutingTable?
    /// The latest reports, by instance.
    private var reports: [String: (version: Int64, report: MemberReport)] = [:]
    private(set) var members: [MemberID: MemberReport] = [:]
    /// When this leader last received its own heartbeat through the broker.
    private var receivedItselfAt = Duration.zero
    private var heartbeatSentAt = Duration.zero
    /// No report since the last decision can lead to another decision.
    private var isSettled = false

    /// - Parameter limit: how many handovers that only even out may be in progress.
    init(_ timing: LeaseTiming, limit: Int) {
        election = LeaderElection(timing)
        failureDetector = MemberFailureDetector(timing)
        self.timing = timing
        self.limit = limit
    }

    var term: Int64? { election.term }
    var hasHandovers: Bool { table.map { !$0.handovers.isEmpty } ?? false }

    /// Returns what to ask of the leader row now. While this leader receives nothing, silence proves no
    /// death.
    ///
    /// - Parameter isConnected: to the broker, as far as this process knows.
    mutating func due(at now: Duration, isConnected: Bool) -> LeaderElection.RowRequest? {
        let isReachable = isConnected && (term == nil || now - receivedItselfAt < timing.selfReceipt)
        if !isReachable { failureDetector.interrupt(until: now + timing.reconnect) }
        return election.due(at: now, isConnected: isReachable)
    }

    /// - Parameter term: of this instance; `nil` when another instance leads.
    mutating func settled(_ term: Int64?, at now: Duration) {
        if term != election.term || term == nil {
            reset()
            receivedItselfAt = now
        }
        election.settled(term)
    }

    /// Whether this leader must send its own heartbeat now.
    mutating func heartbeatIsDue(at now: Duration) -> Bool {
        guard term != nil, now - heartbeatSentAt >= timing.renewal else { return false }
        heartbeatSentAt = now
        return true
    }

    /// - Parameters:
    ///   - isOwn: this instance has sent it.
    ///   - isCut: the sender refuses members' heartbeats, and the members keep leases that the database does
    ///     not know.
    mutating func receivedLeaderHeartbeat(isOwn: Bool, isCut: Bool, at now: Duration) {
        if isOwn { receivedItselfAt = now }
        if isCut { failureDetector.interrupt() }
    }

    /// Leader heartbeats may have been missed.
    mutating func lostLeaderHeartbeats(at now: Duration) { failureDetector.interrupt(until: now + timing.reconnect) }

    mutating func loaded(_ table: RoutingTable) {
        self.table = table
        isSettled = false
    }

    /// The versions of the reports that the next read may leave out, by instance.
    var knownVersions: [String: Int64] { reports.mapValues(\.version) }

    /// Evaluates the members' rows.
    ///
    /// - Parameter rows: of all members.
    /// - Returns: `nil` when nothing must be written.
    mutating func evaluate(_ rows: [MemberRow], at now: Duration) -> RoutingChange? {
        guard let term, let table else { return nil }
        updateReports(rows)
        let counts = rows.compactMap { row in
            reports[row.instance].map { MemberFailureDetector.HeartbeatCount(id: $0.report.id, count: row.heartbeats) }
        }
        let dead = failureDetector.observe(counts, at: now)
        var live = Dictionary(uniqueKeysWithValues: reports.values.map { ($0.report.id, $0.report) })
        for member in dead { live[member.id] = nil }
        if live != members {
            members = live
            isSettled = false
        }
        if isSettled, dead.isEmpty { return nil }
        let after = table.next(among: live, atMost: limit)
        isSettled = after == nil
        // A dead member without partitions is deleted even when the table stays the same.
        if after == nil, dead.isEmpty { return nil }
        return RoutingChange(term: term, before: table, after: after ?? table, dead: dead, members: live)
    }

    private mutating func updateReports(_ rows: [MemberRow]) {
        var next: [String: (version: Int64, report: MemberReport)] = [:]
        for row in rows {
            if let report = row.report ?? reports[row.instance]?.report { next[row.instance] = (row.reportVersion, report) }
        }
        reports = next
    }

    /// The change is stored.
    mutating func wrote(_ change: RoutingChange) {
        loaded(change.after)
        for member in change.dead {
            reports[member.id.instance] = nil
            failureDetector.forget(member.id.instance)
        }
    }

    /// A read or write failed, or its outcome is unknown. Everything must be read again.
    ///
    /// - Parameter wasUnavailable: the database may have missed heartbeats.
    mutating func failed(wasUnavailable: Bool) {
        table = nil
        reports = [:]
        isSettled = false
        if wasUnavailable { failureDetector.interrupt() }
    }

    private mutating func reset() {
        failed(wasUnavailable: true)
        members = [:]
    }
}
