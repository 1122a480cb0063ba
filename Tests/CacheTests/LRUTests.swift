import TestSupport
import Testing

@testable import Cache

@Suite("The map that evicts the least recently used element") struct LRUTests {
    /// The same behaviour in the simplest form: an array, most recently used last.
    private struct Model {
        var entries: [(key: Int, element: Int, cost: Int)] = []
        let maxCount: Int
        let maxCost: Int

        mutating func set(_ key: Int, _ element: Int, cost: Int) {
            entries.removeAll { $0.key == key }
            if cost <= maxCost { entries.append((key, element, cost)) }
            while entries.count > maxCount || entries.reduce(0, { $0 + $1.cost }) > maxCost { entries.removeFirst() }
        }

        mutating func use(_ key: Int) -> Int? {
            guard let index = entries.firstIndex(where: { $0.key == key }) else { return nil }
            entries.append(entries.remove(at: index))
            return entries.last?.element
        }
    }

    @Test("it keeps the elements that an array sorted by use would keep, and stays within its bounds", arguments: UInt64(1)...30)
    func likeTheModel(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let (maxCount, maxCost) = (Int.random(in: 1...20, using: &random), Int.random(in: 1...200, using: &random))
        var (lru, model) = (LRU<Int, Int>(maxCount: maxCount, maxCost: maxCost), Model(maxCount: maxCount, maxCost: maxCost))
        for step in 0..<2_000 {
            let key = Int.random(in: 0..<30, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                let cost = Int.random(in: 0...40, using: &random)
                lru.set(key, step, cost: cost)
                model.set(key, step, cost: cost)
            case 5..<9: #expect(lru.use(key) == model.use(key))
            default:
                lru.remove(key)
                model.entries.removeAll { $0.key == key }
            }
            #expect(lru.count == model.entries.count)
            #expect(lru.cost == model.entries.reduce(0) { $0 + $1.cost })
            #expect(lru.count <= maxCount && lru.cost <= maxCost)
        }
        for entry in model.entries { #expect(lru.peek(entry.key) == entry.element) }
    }
}
