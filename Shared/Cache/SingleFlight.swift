/// Which readers wait for which load: one load at a time per key.
///
/// A reader may need a value from after a write that the running load did not see. Such readers wait for the
/// next load of the key, all of them for the same one.
struct SingleFlight<Key: Hashable> {
    typealias Instant = ContinuousClock.Instant
    typealias Waiter = UInt64

    private struct Flight {
        let startedAt: Instant
        var waiters: [Waiter]
        /// Waiters for which this load started too early, with the earliest start that would do.
        var next: [(waiter: Waiter, notBefore: Instant)] = []
    }

    private var flights: [Key: Flight] = [:]

    var count: Int { flights.count }

    /// Adds a waiter to the loads of `keys`.
    ///
    /// - Parameters:
    ///   - notBefore: the waiter needs a load that starts after this moment; an equal one may have missed a
    ///     write.
    ///   - now: the start of the loads that this call begins.
    /// - Returns: the keys that the caller must load now.
    mutating func join(_ waiter: Waiter, keys: [Key], notBefore: Instant, now: Instant) -> [Key] {
        keys.filter { key in
            guard let flight = flights[key] else {
                flights[key] = Flight(startedAt: now, waiters: [waiter])
                return true
            }
            if flight.startedAt > notBefore {
                flights[key]?.waiters.append(waiter)
            } else {
                flights[key]?.next.append((waiter, notBefore))
            }
            return false
        }
    }

    /// All waiters for `key`, including those that need the next load.
    func waiters(for key: Key) -> [Waiter] { flights[key].map { $0.waiters + $0.next.map(\.waiter) } ?? [] }

    /// What follows from the end of a load.
    struct Completion: Equatable {
        /// The waiters that get the value.
        var waiters: [Waiter]
        /// Whether other waiters need a newer load, which has to start now.
        var needsReload: Bool
    }

    /// - Parameter asOf: a moment at which the loaded value was current.
    mutating func complete(_ key: Key, asOf: Instant, now: Instant) -> Completion {
        guard let flight = flights.removeValue(forKey: key) else { return Completion(waiters: [], needsReload: false) }
        let satisfied = flight.next.filter { $0.notBefore < asOf }
        let remaining = flight.next.filter { $0.notBefore >= asOf }
        if !remaining.isEmpty { flights[key] = Flight(startedAt: now, waiters: remaining.map(\.waiter)) }
        return Completion(waiters: flight.waiters + satisfied.map(\.waiter), needsReload: !remaining.isEmpty)
    }

    /// Ends a failed load. Returns all waiters, so that none waits for a second failure.
    mutating func fail(_ key: Key) -> [Waiter] {
        guard let flight = flights.removeValue(forKey: key) else { return [] }
        return flight.waiters + flight.next.map(\.waiter)
    }
}
