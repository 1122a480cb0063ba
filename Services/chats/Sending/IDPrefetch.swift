import Contracts
import DequeModule

/// Ids that were fetched ahead of need: pure.
///
/// Only while sends follow one another closely is it worth the asking, and only then are such ids still roughly in time order when they are used.
struct IDPrefetch {
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

    /// How many to fetch for the batches after one of `count`, ``fetched(_:at:)`` must follow; 0 when there is enough, or none is expected soon.
    ///
    /// Batches differ in size, and several are out at a time: there is enough for two, and when there is not, for four more are fetched, so that
    /// hardly any batch waits and not every one asks.
    mutating func demand(after count: Int, at now: ContinuousClock.Instant) -> Int {
        defer { lastTake = now }
        guard !isFetching, ids.count < min(2 * count, Self.most), let lastTake, now - lastTake <= Self.lifetime else { return 0 }
        isFetching = true
        return min(4 * count, Self.most)
    }

    /// - Parameter more: ascending; empty when there were none to be had.
    mutating func fetched(_ more: [MessageID], at now: ContinuousClock.Instant) {
        isFetching = false
        if more.isEmpty { return }
        if ids.isEmpty { fetchedAt = now }
        ids = Deque((ids + more).sorted())
    }
}
