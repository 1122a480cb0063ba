import Synchronization
import TestSupport
import Testing

@testable import Cache
@testable import Redis

/// Several processes read and write concurrently over one Redis and one store.
///
/// In any order of events, a checked reader sees every write that was acknowledged before it asked.
@Suite("Concurrent readers and writers") struct CacheRaceTests {
    private static let keys = Int64(0)..<4
    private static let instances = 3

    /// The latest acknowledged version of each key.
    private final class Acknowledged: Sendable {
        private let versions = Mutex<[Int64: Int64]>([:])
        func record(_ key: Int64, _ version: Int64) { versions.withLock { $0[key] = max($0[key] ?? 0, version) } }
        func version(_ key: Int64) -> Int64 { versions.withLock { $0[key] ?? 0 } }
    }

    /// Holds versions only. A snapshot may be stale before its reader gets it.
    private actor VersionStore {
        private var versions: [Int64: Int64] = [:]
        private(set) var loads = 0
        func commit(_ key: Int64) -> Int64 {
            versions[key, default: 0] += 1
            return versions[key] ?? 0
        }
        func version(_ key: Int64) -> Int64 { versions[key] ?? 0 }
        func snapshot(_ keys: [Int64]) -> [Int64: Int64] {
            loads += 1
            return versions.filter { keys.contains($0.key) }
        }
    }

    /// Every third version is an absence.
    private static func value(_ version: Int64) -> Versioned<Int64> {
        Versioned(version % 3 == 0 ? nil : version, version: version)
    }

    private static func linger(_ random: inout SeededGenerator, atMost count: Int) async {
        for _ in 0..<Int.random(in: 0...count, using: &random) { await Task.yield() }
    }

    private final class World: Sendable {
        let store = VersionStore()
        let acknowledged = Acknowledged()
        let caches = Mutex<[Cache<Int64, Int64>]>([])
        let reads = Atomic(0)
        let stale = Mutex<[String]>([])

        /// Notices with a fence reach every process before the write is acknowledged; other notices arrive
        /// later.
        func deliver(_ notice: CacheNotice) {
            for cache in caches.withLock({ $0 }) {
                if notice.fenceMilliseconds != nil {
                    cache.assumeIsolated { $0.receive(notice) }
                } else {
                    Task { await cache.receive(notice) }
                }
            }
        }

        func check(_ key: Int64, _ value: Int64?, notBefore version: Int64, how: String) async {
            reads.add(1, ordering: .relaxed)
            // An absence must be one of the third versions, and recent enough.
            let committed = await store.version(key)
            let isFresh = value.map { $0 >= version } ?? ((version + 2) / 3 * 3 <= committed)
            if !isFresh {
                stale.withLock {
                    $0.append("\(how): key \(key) was acknowledged at \(version), read \(value ?? -1), committed \(committed)")
                }
            }
        }
    }

    private func makeCaches(_ clients: [RedisClient], _ world: World, seed: UInt64) -> [Cache<Int64, Int64>] {
        var configuration = CacheConfiguration.unique()
        configuration.maxCount = 3
        let coder = CacheCoder<Int64>(
            encode: { Array("\($0)".utf8) }, decode: { Int64(String(decoding: $0, as: UTF8.self)) ?? -1 })
        let caches = clients.enumerated().map { index, client in
            let chance = Mutex(SeededGenerator(seed: seed &* 31 &+ UInt64(index)))
            return Cache<Int64, Int64>(
                configuration, redis: client, on: io, coder: coder, broadcast: { world.deliver($0) }
            ) { keys in
                var random = chance.withLock { random in SeededGenerator(seed: random.next()) }
                let snapshot = await world.store.snapshot(keys)
                await Self.linger(&random, atMost: 60)
                return snapshot.mapValues(Self.value)
            }
        }
        world.caches.withLock { $0 = caches }
        return caches
    }

    private func write(_ world: World, _ cache: Cache<Int64, Int64>, seed: UInt64, times: Int) async {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<times {
            let key = Int64.random(in: Self.keys, using: &random)
            let version = await world.store.commit(key)
            await Self.linger(&random, atMost: 30)
            if Int.random(in: 0..<5, using: &random) == 0 {
                await cache.invalidate([key], version: Bool.random(using: &random) ? version : nil)
            } else {
                await cache.put(key, Self.value(version))
            }
            world.acknowledged.record(key, version)
        }
    }

    private func read(_ world: World, _ cache: Cache<Int64, Int64>, seed: UInt64, times: Int) async throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<times {
            let keys = Self.keys.filter { _ in Bool.random(using: &random) }
            let known = keys.map(world.acknowledged.version)
            if keys.count == 1 {
                await world.check(keys[0], try await cache.get(keys[0], .checked), notBefore: known[0], how: "one")
            } else {
                let values = try await cache.get(keys, .checked)
                for (key, version) in zip(keys, known) { await world.check(key, values[key], notBefore: version, how: "many") }
            }
            await Self.linger(&random, atMost: 10)
        }
    }

    private func evict(_ world: World, _ cache: Cache<Int64, Int64>, seed: UInt64, times: Int) async throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<times {
            let key = Int64.random(in: Self.keys, using: &random)
            await cache.evict(key)
            await Self.linger(&random, atMost: 200)
        }
    }

    private func run(_ clients: [RedisClient], seed: UInt64, chaos: @escaping @Sendable (SeededGenerator) async throws -> Void)
        async throws
    {
        let world = World()
        let caches = makeCaches(clients, world, seed: seed)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, cache) in caches.enumerated() {
                let seed = seed &* 1_000 &+ UInt64(index) * 10
                for part in UInt64(0)..<2 {
                    group.addTask { await write(world, cache, seed: seed + part, times: 60) }
                    group.addTask { try await read(world, cache, seed: seed + 5 + part, times: 120) }
                }
            }
            group.addTask { try await evict(world, caches[0], seed: seed &+ 77, times: 40) }
            group.addTask { try await chaos(SeededGenerator(seed: seed &+ 99)) }
            try await group.waitForAll()
        }
        #expect(world.stale.withLock { $0 } == [], "seed \(seed)")
        // Guards against a run without reads or loads.
        #expect(world.reads.load(ordering: .relaxed) > 300)
        #expect(await world.store.loads > 10)
        for key in Self.keys {
            let newest = Self.value(await world.store.commit(key))
            await caches[0].put(key, newest)
            for cache in caches { #expect(try await cache.get(key, .checked) == newest.value) }
        }
    }

    @Test("no checked reader is stale, whatever is evicted and however slow a process is", arguments: UInt64(1)...12)
    func evictions(seed: UInt64) async throws {
        try await withClients(Self.instances) { try await run($0, seed: seed) { _ in } }
    }

    @Test("no checked reader is stale while processes lose their connections to Redis", arguments: UInt64(1)...6)
    func lostConnections(seed: UInt64) async throws {
        try await withClients(Self.instances) { clients async throws in
            try await run(clients, seed: seed) { random in
                var random = random
                for _ in 0..<20 {
                    let client = clients[Int.random(in: 0..<clients.count, using: &random)]
                    // Replies in flight are lost, so their commands may have taken effect.
                    await client.close(.connectionLost)
                    await Self.linger(&random, atMost: 400)
                }
            }
        }
    }

    @Test("no checked reader is stale while Redis restarts, empty or with a snapshot", arguments: UInt64(1)...2)
    func restarts(seed: UInt64) async throws {
        try await OwnRedis.with { redis in
            try await withClients(Self.instances, endpoint: .patient(host: "127.0.0.1", port: redis.port)) {
                clients async throws in
                try await run(clients, seed: seed) { random in
                    var random = random
                    for _ in 0..<3 {
                        if Bool.random(using: &random) { _ = try? await clients[0].command(["SAVE"]) }
                        await Self.linger(&random, atMost: 2_000)
                        redis.kill()
                        await Self.linger(&random, atMost: 2_000)
                        try redis.start()
                        for client in clients { try await client.connected() }
                    }
                }
            }
        }
    }
}
