import Synchronization

/// Tokens whose signatures were checked, so that each costs that once. Bounded: it keeps the tokens used lately.
final class VerifiedTokens: Sendable {
    struct Entry: Sendable {
        let caller: Caller
        /// Seconds since 1970-01-01T00:00:00Z.
        let expiresAt: Int
    }

    /// Two generations: what is asked for moves to the young one; when that is full the old one goes.
    private struct Generations {
        var young: [String: Entry] = [:]
        var old: [String: Entry] = [:]

        mutating func insert(_ entry: Entry, for token: String, atMost limit: Int) {
            if young.count >= limit { (old, young) = (young, [:]) }
            young[token] = entry
        }
    }

    private let generations = Mutex(Generations())
    private let half: Int

    /// - Parameter capacity: tokens, at least 2.
    init(capacity: Int) { half = max(1, capacity / 2) }

    subscript(token: String) -> Entry? {
        generations.withLock { generations in
            if let entry = generations.young[token] { return entry }
            guard let entry = generations.old[token] else { return nil }
            generations.insert(entry, for: token, atMost: half)
            return entry
        }
    }

    func insert(_ entry: Entry, for token: String) {
        generations.withLock { $0.insert(entry, for: token, atMost: half) }
    }
}
