import Contracts

/// Tracks outages: times in which deliveries do not arrive, or must not be shown to clients.
struct DeliveryOutage: Sendable {
    /// The conditions under which deliveries are shown.
    struct Prerequisites: OptionSet, Sendable {
        let rawValue: UInt8

        /// Deliveries arrive.
        static let feed = Prerequisites(rawValue: 1)
        /// This instance owns its partitions.
        static let lease = Prerequisites(rawValue: 2)
        /// It is known which sessions have been revoked.
        static let revocations = Prerequisites(rawValue: 4)
        static let all: Prerequisites = [.feed, .lease, .revocations]
    }

    private enum State {
        /// No delivery has been missed.
        case none
        /// Deliveries are being missed, or were and no `gap` has been sent since.
        case active(since: ContinuousClock.Instant)
        /// The outage lasted too long: all sessions were disconnected.
        case exhausted
        /// Revocations may have been missed for good: all sessions must be disconnected.
        case unrecoverable
    }

    enum Action: Equatable {
        case nothing
        /// The outage is over, and all sessions may have missed deliveries.
        case sendGap
        case disconnectAll
    }

    /// How far back the list of revoked sessions reaches.
    static let revocationHistory = AccessToken.lifetime

    private var state = State.none
    private var present: Prerequisites = []
    /// When the list of revocations was last known to be current.
    private var revocationsKnownAt: ContinuousClock.Instant?

    /// Whether deliveries may be shown to clients.
    var allowsDelivery: Bool {
        if case .unrecoverable = state { return false }
        return present == .all
    }

    func has(_ prerequisite: Prerequisites) -> Bool { present.contains(prerequisite) }

    mutating func restore(_ prerequisite: Prerequisites) { present.insert(prerequisite) }

    mutating func lose(_ prerequisite: Prerequisites, at now: ContinuousClock.Instant) {
        present.remove(prerequisite)
        begin(at: now)
    }

    mutating func record(hasLease: Bool, at now: ContinuousClock.Instant) {
        if hasLease { restore(.lease) } else { lose(.lease, at: now) }
    }

    mutating func record(knowsRevocations: Bool, at now: ContinuousClock.Instant) {
        guard knowsRevocations else { return lose(.revocations, at: now) }
        restore(.revocations)
        // Also if nothing was recorded meanwhile, as in a process that was stopped.
        if let revocationsKnownAt, now - revocationsKnownAt > Self.revocationHistory { state = .unrecoverable }
        revocationsKnownAt = now
    }

    /// Records a delivery that arrived and may not be shown.
    mutating func recordDroppedDelivery(at now: ContinuousClock.Instant) { begin(at: now) }

    /// - Parameter patience: how long sessions are kept during an outage.
    mutating func evaluate(at now: ContinuousClock.Instant, patience: Duration) -> Action {
        switch state {
        case .none: return .nothing
        case .unrecoverable:
            state = present == .all ? .none : .exhausted
            return .disconnectAll
        case .active where present == .all, .exhausted where present == .all:
            state = .none
            return .sendGap
        case .active(let since) where now - since >= patience:
            state = .exhausted
            return .disconnectAll
        case .active, .exhausted: return .nothing
        }
    }

    private mutating func begin(at now: ContinuousClock.Instant) {
        if case .none = state { state = .active(since: now) }
    }
}
