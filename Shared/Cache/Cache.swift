import Metrics
import Reactor
import Redis

/// A read-through cache: process memory, then Redis, then the store. Writes reach Redis before the writer
/// returns.
///
/// There is one per kind of value and process. `docs/cache.md` states the guarantees. The cache does not know
/// the bus: its owner sends what ``Broadcast`` gets to every process of the service, passes it to
/// ``receive(_:)`` there, and calls ``dropAll()`` when that feed may have lost notices.
package actor Cache<Key: Hashable & Sendable & LosslessStringConvertible, Value: Sendable> {
    /// Reads `keys` from the store, in one query if possible, and from no snapshot older than the call.
    ///
    /// A key that is missing from the result has never existed.
    package typealias Load = @Sendable (_ keys: [Key]) async throws -> [Key: Versioned<Value>]
    /// Sends a notice without waiting. Called on the I/O thread, before the write returns.
    package typealias Broadcast = @Sendable (CacheNotice) -> Void
    typealias Instant = ContinuousClock.Instant

    package nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    let io: IOThread
    let configuration: CacheConfiguration
    let coder: CacheCoder<Value>
    let tier: RedisTier<Key>
    let gate: LoadGate
    let metrics: CacheMetrics
    let broadcast: Broadcast
    let load: Load
    let now: @Sendable () -> Instant

    var memory: MemoryTier<Key, Value>
    var staleKeys: StaleKeyFence<Key>
    var flights = SingleFlight<Key>()
    var waiters = LoadWaiters<Key, Value>()
    var pendingInvalidations = PendingInvalidations<Key>()

    /// - Parameters:
    ///   - redis: may be unreachable at any time, also at the start.
    ///   - gate: bounds concurrent loads; the caches of a process may share one.
    package init(
        _ configuration: CacheConfiguration, redis: RedisClient, on io: IOThread, coder: CacheCoder<Value>,
        gate: LoadGate = LoadGate(),
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }, broadcast: @escaping Broadcast, load: @escaping Load
    ) {
        self.io = io
        self.configuration = configuration
        self.coder = coder
        self.gate = gate
        self.now = now
        self.broadcast = broadcast
        self.load = load
        tier = RedisTier(configuration, redis: redis)
        metrics = CacheMetrics(kind: configuration.kind)
        memory = MemoryTier(maxCount: configuration.maxCount, maxBytes: configuration.maxBytes)
        staleKeys = StaleKeyFence(maxCount: configuration.maxFencedKeys)
    }

    // MARK: Notices from other processes

    /// Applies a notice of another process of this service. Notices of other kinds are ignored.
    package func receive(_ notice: CacheNotice) {
        guard notice.kind == configuration.kind else { return }
        let now = now()
        let until = notice.fenceMilliseconds.map { now + .milliseconds($0) }
        if notice.allKeys {
            memory.removeAll(at: now)
            if let until { staleKeys.addAllKeys(until: until) }
        }
        for change in notice.changes {
            guard let key = Key(change.key) else { continue }
            memory.invalidate(key, olderThan: change.version)
            if let until { _ = staleKeys.add(key, below: change.version, until: until, now: now) }
        }
    }

    /// Empties process memory, because notices may have been lost.
    package func dropAll() { memory.removeAll(at: now()) }
}

/// Counts reads by source, and failed requests to Redis.
struct CacheMetrics: Sendable {
    private let memory: Counter
    private let redis: Counter
    private let store: Counter
    private let unreachable: Counter

    init(kind: String) {
        func reads(_ source: String) -> Counter {
            Counter(label: "martlet_cache_reads_total", dimensions: [("cache", kind), ("source", source)])
        }
        memory = reads("memory")
        redis = reads("redis")
        store = reads("store")
        unreachable = Counter(label: "martlet_cache_unreachable_total", dimensions: [("cache", kind)])
    }

    /// Counts a key that process memory answered, also after a check in Redis.
    func countMemoryHit() { memory.increment() }
    func countRedisHit() { redis.increment() }
    /// Counts keys for which a reader started or joined a load.
    func countStoreReads(_ count: Int) { store.increment(by: count) }
    /// Counts a read or write that could not use Redis.
    func countUnreachable() { unreachable.increment() }
}
