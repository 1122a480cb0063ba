import Contracts

/// Message ids that were fetched before a batch needs them.
///
/// Ids are fetched ahead only while sends follow one another closely. Otherwise they would be unused, or used
/// so late that they are no longer roughly in time order.
struct IDPrefetch {
    /// The largest number of ids per fetch.
    static let fetchLimit = 512
    /// The age at which unused ids are discarded.
    static let lifetime = Duration.seconds(1)

    /// Ascending.
    private var ids: [MessageID] = []
    private var fetchedAt: ContinuousClock.Instant?
    private var lastBatchAt: ContinuousClock.Instant?
    private var isFetching = false

    /// Removes up to `count` ids and returns them in ascending order.
    mutating func remove(_ count: Int, at now: ContinuousClock.Instant) -> [MessageID] {
        if let fetchedAt, now - fetchedAt > Self.lifetime { ids = [] }
        let removed = Array(ids.prefix(count))
        ids.removeFirst(removed.count)
        return removed
    }

    /// Returns how many ids to fetch after a batch of `count`, or 0. The caller reports the result with
    /// ``add(_:at:)``.
    ///
    /// Batches differ in size and two can be in flight. Ids for two batches of this size are kept; below
    /// that, ids for four more are fetched. So a batch rarely waits for ids, and not every batch fetches.
    mutating func fetchSize(after count: Int, at now: ContinuousClock.Instant) -> Int {
        defer { lastBatchAt = now }
        guard !isFetching, ids.count < min(2 * count, Self.fetchLimit), let lastBatchAt, now - lastBatchAt <= Self.lifetime
        else { return 0 }
        isFetching = true
        return min(4 * count, Self.fetchLimit)
    }

    /// Adds the result of a fetch.
    ///
    /// - Parameter fetched: ascending; empty after a failure.
    mutating func add(_ fetched: [MessageID], at now: ContinuousClock.Instant) {
        isFetching = false
        if fetched.isEmpty { return }
        if ids.isEmpty { fetchedAt = now }
        ids = (ids + fetched).sorted()
    }
}
