/// Those who wait for loads, each for some keys.
struct Readers<Key: Hashable & Sendable, Value: Sendable> {
    typealias ID = UInt64
    typealias Continuation = CheckedContinuation<[Key: Versioned<Value>], any Error>

    private struct Reader {
        let continuation: Continuation
        var missing: Int
        var found: [Key: Versioned<Value>] = [:]
    }

    private var readers: [ID: Reader] = [:]
    private var latest: ID = 0

    var count: Int { readers.count }

    mutating func nextID() -> ID {
        latest += 1
        return latest
    }

    /// Whether one of them still waits.
    func contains(anyOf ids: [ID]) -> Bool { ids.contains { readers[$0] != nil } }

    /// - Parameter count: how many different keys it waits for; at least one.
    mutating func add(_ id: ID, count: Int, _ continuation: Continuation) {
        readers[id] = Reader(continuation: continuation, missing: count)
    }

    /// One key has been loaded; goes on when it was the last.
    mutating func deliver(_ key: Key, _ value: Versioned<Value>, to ids: [ID]) {
        for id in ids {
            guard var reader = readers.removeValue(forKey: id) else { continue }
            reader.found[key] = value
            reader.missing -= 1
            if reader.missing == 0 { reader.continuation.resume(returning: reader.found) } else { readers[id] = reader }
        }
    }

    mutating func fail(_ ids: [ID], _ error: any Error) {
        for id in ids { readers.removeValue(forKey: id)?.continuation.resume(throwing: error) }
    }
}
