/// Readers that wait for loads, each for one or more keys.
struct LoadWaiters<Key: Hashable & Sendable, Value: Sendable> {
    typealias ID = UInt64
    typealias Continuation = CheckedContinuation<[Key: Versioned<Value>], any Error>

    private struct Waiter {
        let continuation: Continuation
        var missing: Int
        var found: [Key: Versioned<Value>] = [:]
    }

    private var waiters: [ID: Waiter] = [:]
    private var latest: ID = 0

    var count: Int { waiters.count }

    mutating func nextID() -> ID {
        latest += 1
        return latest
    }

    /// Whether at least one of `ids` still waits.
    func contains(anyOf ids: [ID]) -> Bool { ids.contains { waiters[$0] != nil } }

    /// - Parameter count: the number of different keys; at least one.
    mutating func add(_ id: ID, count: Int, _ continuation: Continuation) {
        waiters[id] = Waiter(continuation: continuation, missing: count)
    }

    /// Delivers the value of one key, and resumes each waiter for which it was the last.
    mutating func deliver(_ key: Key, value: Versioned<Value>, to ids: [ID]) {
        for id in ids {
            guard var waiter = waiters.removeValue(forKey: id) else { continue }
            waiter.found[key] = value
            waiter.missing -= 1
            if waiter.missing == 0 { waiter.continuation.resume(returning: waiter.found) } else { waiters[id] = waiter }
        }
    }

    mutating func fail(_ ids: [ID], with error: any Error) {
        for id in ids { waiters.removeValue(forKey: id)?.continuation.resume(throwing: error) }
    }
}
