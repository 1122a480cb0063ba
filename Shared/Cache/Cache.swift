import Reactor
import Redis

/// Reads through process memory, then Redis, then the store; writes to Redis before the writer answers. `docs/cache.md` has the guarantees.
///
/// One per kind of value and process. It has never heard of the bus: the owner passes on what ``Broadcast`` is given, to every process of the service, where it
/// comes to ``receive(_:)``; and calls ``dropAll()`` whenever that feed may have lost something.
package actor Cache<Key: Hashable & Sendable & LosslessStringConvertible, Value: Sendable> {
    /// Reads the present state of `keys` from the store, in one query if it can, and from nothing older than the call. A key it leaves out has never existed.
    package typealias Load = @Sendable (_ keys: [Key]) async throws -> [Key: Versioned<Value>]
    /// Sends a notice on its way without waiting; called on the I/O thread before a write returns.
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

    var memory: Memory<Key, Value>
    var distrust: Distrust<Key>
    var flights = SingleFlight<Key>()
    var readers = Readers<Key, Value>()
    /// Versions that Redis was to be told of and was not.
    var untold = Untold<Key>()

    /// - Parameters:
    ///   - redis: may be away at any time, from the start too.
    ///   - gate: bounds the loads that run at one time; the caches of a process may share one.
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
        memory = Memory(maxCount: configuration.maxCount, maxBytes: configuration.maxBytes)
        distrust = Distrust(maxCount: configuration.maxDistrusted)
    }

    // MARK: What other processes say

    /// A notice from a process of this service; those of other kinds are ignored.
    package func receive(_ notice: CacheNotice) {
        guard notice.kind == configuration.kind else { return }
        let now = now()
        let until = notice.fenceMilliseconds.map { now + .milliseconds($0) }
        if notice.everything {
            memory.forgetAll(at: now)
            if let until { distrust.addEverything(until: until) }
        }
        for change in notice.changes {
            guard let key = Key(change.key) else { continue }
            memory.forget(key, olderThan: change.version)
            if let until { _ = distrust.add(key, below: change.version, until: until, now: now) }
        }
    }

    /// Forgets all of process memory, because notices may have been lost.
    package func dropAll() { memory.forgetAll(at: now()) }
}
