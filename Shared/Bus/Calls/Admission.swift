/// How many calls may be handled at once: over all procedures, and of each.
struct Admission {
    private(set) var count = 0
    private var counts: [String: Int] = [:]
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// Whether one more may begin; then it has, and ``end(_:)`` must follow.
    mutating func begin(_ name: String, atMost: Int) -> Bool {
        let ofThis = counts[name, default: 0]
        if count >= limit || ofThis >= atMost { return false }
        count += 1
        counts[name] = ofThis + 1
        return true
    }

    mutating func end(_ name: String) {
        count -= 1
        counts[name, default: 1] -= 1
    }
}
