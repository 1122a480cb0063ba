/// Decides whether load balancers should send clients to this instance.
///
/// It is not ready before its first lease, and while it has no lease although other instances may have one.
struct ReadinessPolicy: Sendable {
    /// A silent broker is detected only after a second, so one unanswered heartbeat proves nothing.
    private static let limit = 2

    private var hadLease = false
    /// Consecutive heartbeats that left this instance without a lease while the broker was available.
    private var failures = 0

    var isReady: Bool { hadLease && failures < Self.limit }

    mutating func leaseGranted() {
        hadLease = true
        failures = 0
    }

    /// Without the broker no instance has a lease, and removing every instance would help no client.
    mutating func leaseMissing(isConnected: Bool) { failures = isConnected ? failures + 1 : 0 }
}

/// Detects that the delivery feed stays lost while `config` answers. Other instances may then receive
/// deliveries, so this one should hand its users over.
struct FeedLossDetector: Sendable {
    private static let limit = Duration.seconds(5)

    private enum Feed {
        case neverStarted
        case running
        case lost
    }

    private var feed = Feed.neverStarted
    /// When `config` first answered without the feed running.
    private var since: ContinuousClock.Instant?

    var hasEverStarted: Bool {
        if case .neverStarted = feed { false } else { true }
    }

    mutating func feedStarted() {
        feed = .running
        since = nil
    }

    mutating func feedLost() { if hasEverStarted { feed = .lost } }

    mutating func heartbeatAnswered(at now: ContinuousClock.Instant) {
        if case .running = feed { since = nil } else { since = since ?? now }
    }

    /// The broker may be unavailable. After it returns, the feed starts later than the heartbeats are
    /// answered.
    mutating func heartbeatUnanswered() { since = nil }

    func isLost(at now: ContinuousClock.Instant) -> Bool { since.map { now - $0 >= Self.limit } ?? false }
}
