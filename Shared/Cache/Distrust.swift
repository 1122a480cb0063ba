/// Keys of which Redis may hold something too old, because a writer could not tell it: until then, at least which version counts.
struct Distrust<Key: Hashable> {
    typealias Instant = ContinuousClock.Instant

    private struct Floor {
        var version: Int64
        var until: Instant
    }

    private var floors: [Key: Floor] = [:]
    /// In order of their end, or nearly: what to look at first when making room.
    private var everythingUntil: Instant?
    let maxCount: Int

    init(maxCount: Int) { self.maxCount = maxCount }

    var count: Int { floors.count }

    /// What Redis says of `key` counts from this version on; `nil`: whatever it says.
    func floor(_ key: Key, at now: Instant) -> Int64? {
        if floors.isEmpty { return nil }
        guard let floor = floors[key], floor.until > now else { return nil }
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
        floors = floors.filter { $0.value.until > now }
        if floors.count <= maxCount { return true }
        addEverything(until: until)
        return false
    }

    mutating func addEverything(until: Instant) {
        let single = floors.values.map(\.until).max() ?? until
        everythingUntil = max(until, single, everythingUntil ?? until)
        floors.removeAll()
    }

    /// Redis has been told of `version`, or of a newer one.
    mutating func remove(_ key: Key, upTo version: Int64?) {
        if let floor = floors[key], floor.version <= version ?? .max { floors[key] = nil }
    }
}
