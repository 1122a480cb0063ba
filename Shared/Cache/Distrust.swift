/// Keys of which Redis may hold something too old, because a writer could not tell it: until then, at least which version counts.
struct Distrust<Key: Hashable> {
    typealias Instant = ContinuousClock.Instant

    private struct Floor {
        var version: Int64
        var until: Instant
    }

    private var floors: [Key: Floor] = [:]
    private var everythingUntil: Instant?
    /// Longer than any question to Redis is under way.
    private static var longestQuestion: Duration { .seconds(60) }
    let maxCount: Int

    init(maxCount: Int) { self.maxCount = maxCount }

    var count: Int { floors.count }

    /// What Redis says of `key` counts from this version on; `nil`: whatever it says.
    ///
    /// - Parameter asked: a moment before Redis was asked.
    func floor(_ key: Key, asked: Instant) -> Int64? {
        if floors.isEmpty { return nil }
        guard let floor = floors[key], floor.until >= asked else { return nil }
        return floor.version
    }

    /// Whether Redis need not be asked at all.
    func isTotal(at now: Instant) -> Bool { everythingUntil.map { $0 > now } ?? false }

    /// - Parameter version: `nil`: nothing that Redis has now counts.
    /// - Returns: whether it is still a matter of single keys; `false`: there were too many, and all keys are distrusted.
    mutating func add(_ key: Key, below version: Int64?, until: Instant, now: Instant) -> Bool {
        if isTotal(at: now), let total = everythingUntil, total >= until { return false }
        let old = floors[key]
        floors[key] = Floor(version: max(version ?? .max, old?.version ?? .min), until: max(until, old?.until ?? until))
        if floors.count <= maxCount { return true }
        floors = floors.filter { $0.value.until + Self.longestQuestion > now }
        if floors.count <= maxCount { return true }
        addEverything(until: until)
        return false
    }

    mutating func addEverything(until: Instant) {
        let single = floors.values.map(\.until).max() ?? until
        everythingUntil = max(until, single, everythingUntil ?? until)
        floors.removeAll()
    }

    /// Redis has been told of `version`, or of a newer one: questions from now on may be believed. Those under way may not.
    mutating func end(_ key: Key, upTo version: Int64?, now: Instant) {
        if let floor = floors[key], floor.version <= version ?? .max { floors[key]?.until = min(floor.until, now) }
    }
}
