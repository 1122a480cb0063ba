/// Keys for which Redis may hold a stale value, because a writer could not reach it.
///
/// Each key has a minimum version: older answers of Redis are ignored until the fence expires or is lifted.
struct StaleKeyFence<Key: Hashable> {
    typealias Instant = ContinuousClock.Instant

    private struct Fence {
        var minimumVersion: Int64
        var until: Instant
    }

    private var fences: [Key: Fence] = [:]
    private var allKeysUntil: Instant?
    /// Longer than a request to Redis can be in flight.
    private static var longestRequest: Duration { .seconds(60) }
    let maxCount: Int

    init(maxCount: Int) { self.maxCount = maxCount }

    var count: Int { fences.count }

    /// The lowest version of `key` that an answer of Redis may have; `nil` without a fence.
    ///
    /// - Parameter asked: a moment before the request to Redis.
    func minimumVersion(of key: Key, asked: Instant) -> Int64? {
        if fences.isEmpty { return nil }
        guard let fence = fences[key], fence.until >= asked else { return nil }
        return fence.minimumVersion
    }

    /// Whether the fence covers all keys, so that asking Redis is useless.
    func coversAllKeys(at now: Instant) -> Bool { allKeysUntil.map { $0 > now } ?? false }

    /// Fences one key.
    ///
    /// - Parameter version: the minimum version; `nil` rejects every version that Redis holds now.
    /// - Returns: `false` when there are too many keys, and the fence covers all keys instead.
    mutating func add(_ key: Key, below version: Int64?, until: Instant, now: Instant) -> Bool {
        if coversAllKeys(at: now), let all = allKeysUntil, all >= until { return false }
        let old = fences[key]
        fences[key] = Fence(
            minimumVersion: max(version ?? .max, old?.minimumVersion ?? .min), until: max(until, old?.until ?? until))
        if fences.count <= maxCount { return true }
        fences = fences.filter { $0.value.until + Self.longestRequest > now }
        if fences.count <= maxCount { return true }
        addAllKeys(until: until)
        return false
    }

    mutating func addAllKeys(until: Instant) {
        let latest = fences.values.map(\.until).max() ?? until
        allKeysUntil = max(until, latest, allKeysUntil ?? until)
        fences.removeAll()
    }

    /// Lifts the fence after Redis has received `version`. Answers to requests in flight stay rejected.
    mutating func lift(_ key: Key, upTo version: Int64?, now: Instant) {
        if let fence = fences[key], fence.minimumVersion <= version ?? .max { fences[key]?.until = min(fence.until, now) }
    }
}
