import Metrics

/// Where answers came from, and what became of writes.
struct CacheMetrics: Sendable {
    /// Keys answered from process memory, of these the checked ones too.
    private let memory: Counter
    private let redis: Counter
    /// Keys whose load somebody asked for, or joined.
    private let loads: Counter
    /// Reads and writes for which Redis could not be asked.
    private let unreachable: Counter

    init(kind: String) {
        func reads(_ source: String) -> Counter {
            Counter(label: "martlet_cache_reads_total", dimensions: [("cache", kind), ("source", source)])
        }
        (memory, redis, loads) = (reads("memory"), reads("redis"), reads("store"))
        unreachable = Counter(label: "martlet_cache_unreachable_total", dimensions: [("cache", kind)])
    }

    func fromMemory() { memory.increment() }
    func fromRedis() { redis.increment() }
    func fromStore(_ count: Int) { loads.increment(by: count) }
    func withoutRedis() { unreachable.increment() }
}
