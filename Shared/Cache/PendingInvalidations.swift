import DequeModule

/// Invalidations that Redis has yet to receive, each until no older value can be left in Redis.
///
/// They are sent in the order of arrival and in batches: there may be tens of thousands, and sending runs on
/// the I/O thread.
struct PendingInvalidations<Key: Hashable & Sendable> {
    typealias Instant = ContinuousClock.Instant

    struct Invalidation: Equatable, Sendable {
        /// Older versions are stale; `nil`: the present value is stale, whatever its version.
        var version: Int64?
        var until: Instant
    }

    private(set) var invalidations: [Key: Invalidation] = [:]
    /// The keys of `invalidations`, oldest first. May hold keys that were removed meanwhile.
    private var order: Deque<Key> = []
    /// Whether a task is sending; see ``add(_:version:until:)`` and ``stopSending()``.
    private(set) var isSending = false

    /// - Returns: whether the caller must start a task that sends.
    mutating func add(_ key: Key, version: Int64?, until: Instant) -> Bool {
        if let old = invalidations[key] {
            let newest = old.version.flatMap { old in version.map { max(old, $0) } }
            invalidations[key] = Invalidation(version: newest, until: max(old.until, until))
        } else {
            invalidations[key] = Invalidation(version: version, until: until)
            order.append(key)
        }
        defer { isSending = true }
        return !isSending
    }

    /// Removes expired invalidations; returns whether none is left.
    mutating func isEmpty(at now: Instant) -> Bool {
        while let key = order.first {
            if let invalidation = invalidations[key] {
                if invalidation.until > now { return false }
                invalidations[key] = nil
            }
            order.removeFirst()
        }
        return true
    }

    /// The next invalidations to send, at most `count`: either all with versions or all without.
    mutating func batch(atMost count: Int, at now: Instant) -> [(key: Key, version: Int64?)] {
        guard !isEmpty(at: now), let first = order.first.flatMap({ invalidations[$0] }) else { return [] }
        return order.prefix(count).compactMap { key in invalidations[key].map { (key: key, version: $0.version) } }
            .prefix { ($0.version != nil) == (first.version != nil) }.map(\.self)
    }

    /// Removes an invalidation that Redis has received, unless a newer one has replaced it.
    mutating func remove(_ key: Key, sent version: Int64?) {
        if invalidations[key]?.version == version { invalidations[key] = nil }
    }

    mutating func stopSending() { isSending = false }
}
