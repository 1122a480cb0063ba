import Contracts
import DequeModule

/// Ids that were fetched ahead of need: pure.
///
/// Only while sends follow one another closely is it worth the asking, and only then are such ids still roughly in time order when they are used.
struct IDStock {
    /// At most so many at a time.
    static let most = 512
    /// Older ones are thrown away.
    static let lifetime = Duration.seconds(1)

    private var ids: Deque<MessageID> = []
    private var fetchedAt: ContinuousClock.Instant?
    private var lastTake: ContinuousClock.Instant?
    private var isFetching = false

    /// Up to `count` of those that are there, ascending.
    mutating func take(_ count: Int, at now: ContinuousClock.Instant) -> [MessageID] {
        if let fetchedAt, now - fetchedAt > Self.lifetime { ids = [] }
        let taken = ids.prefix(count)
        ids.removeFirst(taken.count)
        return Array(taken)
    }

    /// How many to fetch for the batch after one of `count`, ``fetched(_:at:)`` must follow; 0 when there is enough, or none is expected soon.
    mutating func demand(after count: Int, at now: ContinuousClock.Instant) -> Int {
        defer { lastTake = now }
        let wanted = min(count, Self.most) - ids.count
        guard !isFetching, wanted > 0, let lastTake, now - lastTake <= Self.lifetime else { return 0 }
        isFetching = true
        return wanted
    }

    /// - Parameter more: ascending; empty when there were none to be had.
    mutating func fetched(_ more: [MessageID], at now: ContinuousClock.Instant) {
        isFetching = false
        if more.isEmpty { return }
        if ids.isEmpty { fetchedAt = now }
        ids = Deque((ids + more).sorted())
    }
}
