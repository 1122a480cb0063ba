/// Which statements one connection has prepared, and under which names; the one unused for longest makes room.
struct StatementCache {
    struct Entry: Equatable {
        let name: String
        /// Not prepared yet: whoever asked does it.
        let isNew: Bool
    }

    private struct Kept {
        let name: String
        var lastUse: UInt64
    }

    private let capacity: Int
    private var kept: [StatementKey: Kept] = [:]
    private var clock: UInt64 = 0
    private var named: UInt64 = 0
    /// Names that the server still holds and nobody uses any more.
    private(set) var discarded: [String] = []

    /// - Parameter capacity: 1 at least.
    init(capacity: Int) { self.capacity = max(1, capacity) }

    var count: Int { kept.count }
    var valueBytes: Int { kept.keys.reduce(0) { $0 + $1.valueBytes } }

    mutating func use(_ key: StatementKey) -> Entry {
        clock += 1
        if let index = kept.index(forKey: key) {
            kept.values[index].lastUse = clock
            return Entry(name: kept.values[index].name, isNew: false)
        }
        if kept.count >= capacity, let oldest = kept.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            kept[oldest.key] = nil
            discarded.append(oldest.value.name)
        }
        named += 1
        let name = "s\(named)"
        // Found by the key that has the values of this time; kept without them, as they may be megabytes.
        kept[key.withoutValues] = Kept(name: name, lastUse: clock)
        return Entry(name: name, isNew: true)
    }

    /// Not prepared after all, or no longer valid. Forgets it if it still has this name; any name when none is given.
    mutating func forget(_ key: StatementKey, name: String? = nil, discard: Bool = false) {
        guard let entry = kept[key], name == nil || entry.name == name else { return }
        kept[key] = nil
        if discard { discarded.append(entry.name) }
    }

    mutating func removeDiscarded() -> [String] {
        defer { discarded.removeAll() }
        return discarded
    }
}
