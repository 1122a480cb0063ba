import DequeModule

/// Versions that Redis must still be told of, each until nobody can find an older one any more.
///
/// Told in the order in which they came, some at a time: there may be tens of thousands, and this runs on the I/O thread.
struct Untold<Key: Hashable & Sendable> {
    typealias Instant = ContinuousClock.Instant

    struct Change: Equatable, Sendable {
        /// `nil`: whatever is there is stale.
        var version: Int64?
        var until: Instant
    }

    private(set) var changes: [Key: Change] = [:]
    /// The keys of `changes`, the oldest first; what was told meanwhile is left out when its turn comes.
    private var order: Deque<Key> = []
    /// Somebody is at it.
    private(set) var isTelling = false

    /// - Returns: whether somebody must begin to tell; see ``stop()``.
    mutating func add(_ key: Key, _ version: Int64?, until: Instant) -> Bool {
        if let old = changes[key] {
            let newest = old.version.flatMap { old in version.map { max(old, $0) } }
            changes[key] = Change(version: newest, until: max(old.until, until))
        } else {
            changes[key] = Change(version: version, until: until)
            order.append(key)
        }
        defer { isTelling = true }
        return !isTelling
    }

    /// Whether there is nothing left to tell. Forgets what nobody need be told any more.
    mutating func isOver(at now: Instant) -> Bool {
        while let key = order.first {
            if let change = changes[key] {
                if change.until > now { return false }
                changes[key] = nil
            }
            order.removeFirst()
        }
        return true
    }

    /// Some of what is left to tell, of one sort: with versions or without.
    mutating func some(_ count: Int, at now: Instant) -> [(key: Key, version: Int64?)] {
        guard !isOver(at: now), let first = order.first.flatMap({ changes[$0] }) else { return [] }
        return order.prefix(count).compactMap { key in changes[key].map { (key: key, version: $0.version) } }
            .prefix { ($0.version != nil) == (first.version != nil) }.map(\.self)
    }

    /// Redis knows; what was added meanwhile stays.
    mutating func told(_ key: Key, _ version: Int64?) {
        if changes[key]?.version == version { changes[key] = nil }
    }

    mutating func stop() { isTelling = false }
}
