/// Whether deliveries stay away while `config` answers: then other instances may well hear, and this one is to give its users to them.
struct Deafness: Sendable {
    private static let patience = Duration.seconds(5)

    private(set) var hasEverHeard = false
    private var hasFeed = false
    /// Since when only the feed is missing.
    private var since: ContinuousClock.Instant?

    mutating func feedIsBack() { (hasEverHeard, hasFeed, since) = (true, true, nil) }
    mutating func feedIsLost() { hasFeed = false }

    /// A heartbeat was answered.
    mutating func isHeard(at now: ContinuousClock.Instant) { since = hasFeed ? nil : since ?? now }
    /// A heartbeat was lost: the broker may be away, and the feed comes later than that by itself.
    mutating func isUnheard() { since = nil }

    func lasts(at now: ContinuousClock.Instant) -> Bool { since.map { now - $0 >= Self.patience } ?? false }
}
