import Testing

@testable import Edge

@Suite("The two-generation cache") struct TwoGenerationCacheTests {
    @Test("the number of values is bounded, and recently used ones stay")
    func bounded() {
        let cache = TwoGenerationCache<Int, String>(capacity: 10)
        for number in 1...100 {
            cache.insert("\(number)", for: number)
            _ = cache[1]
        }
        let kept = (1...100).filter { cache[$0] != nil }
        #expect(kept.count <= 10)
        #expect(kept.contains(1) && kept.contains(100))
    }

    @Test("a new value replaces the one before and its cost: other values stay")
    func replaced() {
        let cache = TwoGenerationCache<Int, Int>(capacity: 20) { $0 }
        cache.insert(1, for: 2)
        for _ in 0..<100 { cache.insert(4, for: 1) }
        #expect(cache[1] == 4 && cache[2] == 1)
    }

    @Test("a value that costs more than half of the capacity is not kept")
    func tooLarge() {
        let cache = TwoGenerationCache<Int, Int>(capacity: 20) { $0 }
        cache.insert(10, for: 1)
        cache.insert(11, for: 2)
        #expect(cache[1] == 10 && cache[2] == nil)
    }
}
