/// Times in which deliveries do not reach us, or may not be shown: without the feed, or without a lease.
struct Outage: Sendable {
    enum Verdict: Equatable {
        case nothing
        /// It is over: whoever was connected may have missed something.
        case tellGap
        /// It lasts too long.
        case letGo
    }

    private var hasFeed = false
    private var hasLease = false
    /// Since when; `nil` while all is well.
    private var since: ContinuousClock.Instant?
    private var isMissing = false

    /// Whether deliveries may be shown.
    var mayShow: Bool { hasFeed && hasLease }

    mutating func feedIsLost(at now: ContinuousClock.Instant) {
        hasFeed = false
        begin(now)
    }

    mutating func feedIsBack() { hasFeed = true }
    mutating func leaseIsBack() { hasLease = true }

    mutating func note(hasLease: Bool, at now: ContinuousClock.Instant) {
        self.hasLease = hasLease
        if !hasLease { begin(now) }
    }

    /// A delivery came that may not be shown.
    mutating func missed() { isMissing = true }

    mutating func verdict(at now: ContinuousClock.Instant, patience: Duration) -> Verdict {
        guard mayShow else { return since.map { now - $0 >= patience } == true ? .letGo : .nothing }
        since = nil
        defer { isMissing = false }
        return isMissing ? .tellGap : .nothing
    }

    private mutating func begin(_ now: ContinuousClock.Instant) {
        since = since ?? now
        isMissing = true
    }
}
