import Synchronization

/// A bounded cache that keeps recently used values. Safe from any thread.
///
/// An insertion or a hit puts the value into the young generation. When that is full, it becomes the old one.
/// The cache evicts the previous old generation: values that were not used for a whole generation.
package final class TwoGenerationCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Generations {
        var young: [Key: Value] = [:]
        var old: [Key: Value] = [:]
        var youngCost = 0
    }

    private let generations = Mutex(Generations())
    /// Of one generation.
    private let costLimit: Int
    private let cost: @Sendable (Value) -> Int

    /// - Parameters:
    ///   - capacity: the total cost of all values, at least 2.
    ///   - cost: the cost of a value, at least 1. Without it `capacity` is a number of values.
    package init(capacity: Int, cost: @escaping @Sendable (Value) -> Int = { _ in 1 }) {
        costLimit = max(1, capacity / 2)
        self.cost = cost
    }

    package subscript(key: Key) -> Value? {
        generations.withLock { generations in
            if let value = generations.young[key] { return value }
            guard let value = generations.old.removeValue(forKey: key) else { return nil }
            insert(value, for: key, into: &generations)
            return value
        }
    }

    /// Replaces the value of `key`. A value that costs more than half of the capacity is not kept.
    package func insert(_ value: Value, for key: Key) {
        generations.withLock { insert(value, for: key, into: &$0) }
    }

    private func insert(_ value: Value, for key: Key, into generations: inout Generations) {
        let cost = cost(value)
        guard cost <= costLimit else { return }
        if generations.youngCost + cost > costLimit {
            generations.old = generations.young
            generations.young = [:]
            generations.youngCost = 0
        }
        let replaced = generations.young.updateValue(value, forKey: key)
        generations.youngCost += cost - (replaced.map { self.cost($0) } ?? 0)
    }
}
