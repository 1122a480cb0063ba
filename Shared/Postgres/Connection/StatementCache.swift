/// The prepared statements of one connection and their names. Evicts the least recently used one.
struct StatementCache {
    struct PreparedStatement: Equatable {
        let name: String
        /// Whether the caller has to prepare the statement first.
        let isNew: Bool
    }

    private struct CachedStatement {
        let name: String
        var lastUse: UInt64
    }

    private let capacity: Int
    private var statements: [StatementKey: CachedStatement] = [:]
    private var clock: UInt64 = 0
    private var lastName: UInt64 = 0
    /// Evicted names that the server still has to deallocate.
    private(set) var discarded: [String] = []

    /// - Parameter capacity: at least 1.
    init(capacity: Int) { self.capacity = max(1, capacity) }

    var count: Int { statements.count }
    var valueBytes: Int { statements.keys.reduce(0) { $0 + $1.valueBytes } }

    mutating func use(_ key: StatementKey) -> PreparedStatement {
        clock += 1
        if let index = statements.index(forKey: key) {
            statements.values[index].lastUse = clock
            return PreparedStatement(name: statements.values[index].name, isNew: false)
        }
        if statements.count >= capacity, let oldest = statements.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            statements[oldest.key] = nil
            discarded.append(oldest.value.name)
        }
        lastName += 1
        let name = "s\(lastName)"
        // Stored under a key without values, which may be megabytes.
        statements[key.withoutValues] = CachedStatement(name: name, lastUse: clock)
        return PreparedStatement(name: name, isNew: true)
    }

    /// Removes a statement that was not prepared or is no longer valid, unless it has a name other than
    /// `name`.
    ///
    /// - Parameter name: `nil` removes it under any name.
    mutating func forget(_ key: StatementKey, name: String? = nil, discard: Bool = false) {
        guard let entry = statements[key], name == nil || entry.name == name else { return }
        statements[key] = nil
        if discard { discarded.append(entry.name) }
    }

    mutating func removeDiscarded() -> [String] {
        defer { discarded.removeAll() }
        return discarded
    }
}
