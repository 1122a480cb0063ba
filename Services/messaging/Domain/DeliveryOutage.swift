import Contracts

/// Times in which deliveries do not reach us, or may not be shown: without the feed, without a lease, or without knowing whose sessions have ended.
struct DeliveryOutage: Sendable {
    enum Verdict: Equatable {
        case nothing
        /// It is over: whoever was connected may have missed something.
        case tellGap
        /// It lasts too long.
        case letGo
    }

    /// How far back the list goes of the sessions that ended while there was no news of them.
    static let reach = AccessToken.lifetime

    private(set) var hasFeed = false
    private var hasLease = false
    private var knowsSessions = false
    /// When it was known last which sessions have ended.
    private var knewAt: ContinuousClock.Instant?
    /// Sessions may have ended of which nothing will ever be heard.
    private var isTooLate = false
    /// Since when; `nil` while all is well.
    private var since: ContinuousClock.Instant?
    private var isMissing = false
    /// Of this one, everybody.
    private var areLetGo = false

    /// Whether deliveries may be shown.
    var mayShow: Bool { hasFeed && hasLease && knowsSessions && !isTooLate }

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

    mutating func note(knowsSessions: Bool, at now: ContinuousClock.Instant) {
        self.knowsSessions = knowsSessions
        guard knowsSessions else { return begin(now) }
        // Also when nobody has looked meanwhile, as in a process that was stopped.
        if let knewAt, now - knewAt > Self.reach { isTooLate = true }
        knewAt = now
    }

    /// A delivery came that may not be shown.
    mutating func missed() { isMissing = true }

    mutating func verdict(at now: ContinuousClock.Instant, patience: Duration) -> Verdict {
        if isTooLate {
            isTooLate = false
            return .letGo
        }
        guard mayShow else {
            guard !areLetGo, let since, now - since >= patience else { return .nothing }
            areLetGo = true
            return .letGo
        }
        (since, areLetGo) = (nil, false)
        defer { isMissing = false }
        return isMissing ? .tellGap : .nothing
    }

    private mutating func begin(_ now: ContinuousClock.Instant) {
        since = since ?? now
        isMissing = true
    }
}
