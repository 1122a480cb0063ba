/// Versions that Redis must still be told of, each until nobody can find an older one any more.
struct Untold<Key: Hashable & Sendable> {
    typealias Instant = ContinuousClock.Instant

    struct Change: Equatable, Sendable {
        /// `nil`: whatever is there is stale.
        var version: Int64?
        var until: Instant
    }

    private(set) var changes: [Key: Change] = [:]
    /// Somebody is at it.
    private(set) var isTelling = false

    /// - Returns: whether somebody must begin to tell; see ``stop()``.
    mutating func add(_ key: Key, _ version: Int64?, until: Instant) -> Bool {
        if let old = changes[key] {
            let newest = old.version.flatMap { old in version.map { max(old, $0) } }
            changes[key] = Change(version: newest, until: max(old.until, until))
        } else {
            changes[key] = Change(version: version, until: until)
        }
        defer { isTelling = true }
        return !isTelling
    }

    /// Some of what is left to tell, of one sort: with versions or without.
    mutating func some(_ count: Int, at now: Instant) -> [(key: Key, version: Int64?)] {
        changes = changes.filter { $0.value.until > now }
        let versioned = changes.first?.value.version != nil
        return changes.lazy.filter { ($0.value.version != nil) == versioned }.prefix(count).map { ($0.key, $0.value.version) }
    }

    /// Redis knows; what was added meanwhile stays.
    mutating func told(_ key: Key, _ version: Int64?) {
        if changes[key]?.version == version { changes[key] = nil }
    }

    mutating func stop() { isTelling = false }
}
