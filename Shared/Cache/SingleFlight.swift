/// Who waits for which load: one at a time for each key, and everybody gets one that is new enough for them.
///
/// Somebody may have written since a running load began, and must not be shown what it read: they wait for the next one, all of them for the same.
struct SingleFlight<Key: Hashable> {
    typealias Instant = ContinuousClock.Instant
    typealias Reader = UInt64

    private struct Flight {
        let startedAt: Instant
        var readers: [Reader]
        /// For whom this one began too early, and what would be new enough for them.
        var next: [(reader: Reader, notBefore: Instant)] = []
    }

    private var flights: [Key: Flight] = [:]

    var count: Int { flights.count }

    /// - Parameters:
    ///   - notBefore: what was true then or earlier will not do: clocks have grains.
    ///   - now: when a load that this one starts begins.
    /// - Returns: the keys whose load is to be started now.
    mutating func join(_ reader: Reader, _ keys: [Key], notBefore: Instant, now: Instant) -> [Key] {
        keys.filter { key in
            guard let flight = flights[key] else {
                flights[key] = Flight(startedAt: now, readers: [reader])
                return true
            }
            if flight.startedAt > notBefore {
                flights[key]?.readers.append(reader)
            } else {
                flights[key]?.next.append((reader, notBefore))
            }
            return false
        }
    }

    /// All who wait for `key`, also those for whom the load under way is too old.
    func readers(of key: Key) -> [Reader] { flights[key].map { $0.readers + $0.next.map(\.reader) } ?? [] }

    /// What to do when a load has ended.
    struct Landing: Equatable {
        /// Whom to tell.
        var readers: [Reader]
        /// Load again: others wait for something newer.
        var again: Bool
    }

    /// - Parameter asOf: a moment at which what was loaded was the newest.
    mutating func land(_ key: Key, asOf: Instant, now: Instant) -> Landing {
        guard let flight = flights.removeValue(forKey: key) else { return Landing(readers: [], again: false) }
        let content = flight.next.filter { $0.notBefore < asOf }
        let waiting = flight.next.filter { $0.notBefore >= asOf }
        if !waiting.isEmpty { flights[key] = Flight(startedAt: now, readers: waiting.map(\.reader)) }
        return Landing(readers: flight.readers + content.map(\.reader), again: !waiting.isEmpty)
    }

    /// The load failed: nobody waits for a second failure.
    mutating func crash(_ key: Key) -> [Reader] {
        guard let flight = flights.removeValue(forKey: key) else { return [] }
        return flight.readers + flight.next.map(\.reader)
    }
}
