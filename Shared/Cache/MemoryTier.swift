/// The cache's part in process memory: decoded values, and when each was last known to be current.
struct MemoryTier<Key: Hashable & Sendable, Value: Sendable> {
    typealias Instant = ContinuousClock.Instant

    struct CachedValue: Sendable {
        let value: Value?
        let version: Int64
        /// The stamp of the same value in Redis.
        let stamp: UInt64
        /// The latest moment at which the value is known to have been current.
        var asOf: Instant
        let byteCount: Int
        /// Whether a reader has asked for the value since it was written.
        var wasRead = true
    }

    private var entries: LRU<Key, CachedValue>
    /// Values that were current before this moment only are not stored, even if they arrive later.
    private var clearedAt: Instant?
    private static var overhead: Int { 100 }

    init(maxCount: Int, maxBytes: Int) { entries = LRU(maxCount: maxCount, maxCost: maxBytes) }

    var count: Int { entries.count }
    var byteCount: Int { entries.cost }

    /// The value of `key`, if it was current at `oldest` or later.
    mutating func fresh(_ key: Key, asOf oldest: Instant) -> CachedValue? {
        guard let found = entries.peek(key), found.asOf >= oldest else { return nil }
        return entries.use(key)
    }

    /// The value of `key` at any age. A reader may get it only if Redis has the same stamp.
    func peek(_ key: Key) -> CachedValue? { entries.peek(key) }

    /// Records that Redis had the same stamp at `asOf`.
    mutating func confirm(_ key: Key, asOf: Instant) {
        entries.use(key) {
            $0.asOf = max($0.asOf, asOf)
            $0.wasRead = true
        }
    }

    /// Stores `value`, unless a newer one is there.
    mutating func store(_ value: CachedValue, for key: Key) {
        if let clearedAt, value.asOf < clearedAt { return }
        if let present = entries.peek(key), (present.version, present.asOf) > (value.version, value.asOf) { return }
        entries.set(key, value, cost: value.byteCount + Self.overhead)
    }

    /// Removes the value if it is older than `version`; with `nil`, whatever its version.
    mutating func invalidate(_ key: Key, olderThan version: Int64?) {
        if let version, let present = entries.peek(key), present.version >= version { return }
        entries.remove(key)
    }

    mutating func removeAll(at now: Instant) {
        entries.removeAll()
        clearedAt = now
    }
}
