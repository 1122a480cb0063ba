/// What a process remembers: decoded values with what is known of their age.
struct Memory<Key: Hashable & Sendable, Value: Sendable> {
    typealias Instant = ContinuousClock.Instant

    struct Remembered: Sendable {
        let value: Value?
        let version: Int64
        /// The stamp that Redis has for it.
        let stamp: UInt64
        /// The latest moment at which it is known to have been the newest.
        var asOf: Instant
        let byteCount: Int
        /// Somebody has asked for it since it was written.
        var wasRead = true
    }

    private var entries: LRU<Key, Remembered>
    /// What was true before this moment is not remembered any more, also when it comes late.
    private var forgottenBefore: Instant?
    private static var overhead: Int { 100 }

    init(maxCount: Int, maxBytes: Int) { entries = LRU(maxCount: maxCount, maxCost: maxBytes) }

    var count: Int { entries.count }
    var byteCount: Int { entries.cost }

    /// What may be shown to somebody who takes nothing older than `oldest`.
    mutating func fresh(_ key: Key, asOf oldest: Instant) -> Remembered? {
        guard let found = entries.peek(key), found.asOf >= oldest else { return nil }
        return entries.use(key)
    }

    /// What is remembered, however old: to be shown only if Redis has the same stamp.
    func any(_ key: Key) -> Remembered? { entries.peek(key) }

    /// Redis has the same stamp as of `asOf`.
    mutating func confirm(_ key: Key, asOf: Instant) {
        entries.use(key) {
            $0.asOf = max($0.asOf, asOf)
            $0.wasRead = true
        }
    }

    /// Unless something newer is remembered.
    mutating func remember(_ key: Key, _ value: Remembered) {
        if let forgottenBefore, value.asOf < forgottenBefore { return }
        if let present = entries.peek(key), (present.version, present.asOf) > (value.version, value.asOf) { return }
        entries.set(key, value, cost: value.byteCount + Self.overhead)
    }

    /// Forgets what is older than `version`; whatever there is, when that is `nil`.
    mutating func forget(_ key: Key, olderThan version: Int64?) {
        if let version, let present = entries.peek(key), present.version >= version { return }
        entries.remove(key)
    }

    mutating func forgetAll(at now: Instant) {
        entries.removeAll()
        forgottenBefore = now
    }
}
