import Redis
import TestSupport
import Testing

@testable import Cache

/// Each test kills, pauses or restarts a Redis server of its own.
@Suite("The cache while Redis fails") struct CacheOutageTests {
    @Test("without Redis, reads come from the store and see own writes at once")
    func away() async throws {
        let store = Store()
        await store.commit(1, "one")
        try await OwnRedis.with { redis in
            try await withClients(1, endpoint: .patient(host: "127.0.0.1", port: redis.port)) { clients async throws in
                let cache = TextCache(.unique(), clients[0], store: store)
                #expect(try await cache.get(1, .checked) == "one")
                redis.kill()
                try await clients[0].disconnected()
                #expect(try await cache.get(1, .checked) == "one")
                #expect(await cache.put(1, await store.commit(1, "two")) == .unreachable)
                #expect(try await cache.get(1, .checked) == "two")
                #expect(try await cache.get([1, 2], .checked) == [1: "two"])
                try redis.start()
                try await clients[0].connected()
                #expect(try await cache.get(1, .checked) == "two")
                #expect(await cache.put(1, await store.commit(1, "three")) == .stored)
                #expect(try await cache.get(1, .checked) == "three")
            }
        }
    }

    @Test("a Redis that restarts with an old snapshot serves none of its values")
    func restoredFromDisk() async throws {
        let (store, configuration) = (Store(), CacheConfiguration.unique())
        await store.commit(1, "old")
        try await OwnRedis.with { redis in
            try await withClients(1, endpoint: .patient(host: "127.0.0.1", port: redis.port)) { clients async throws in
                let cache = TextCache(configuration, clients[0], store: store)
                #expect(try await cache.get(1, .checked) == "old")
                let name = RedisTier<Int64>(configuration, redis: clients[0]).name(1, on: try #require(clients[0].session))
                _ = try await clients[0].command(["SAVE"])
                #expect(await cache.put(1, await store.commit(1, "new")) == .stored)
                redis.kill()
                try await clients[0].disconnected()
                try redis.start()
                try await clients[0].connected()
                #expect(try await clients[0].command(["EXISTS", name]) == .integer(1))
                #expect(try await cache.get(1, .checked) == "new")
                #expect(try await TextCache(configuration, clients[0], store: store).get(1, .checked) == "new")
            }
        }
    }

    @Test("a writer that cannot reach Redis fences the keys in processes that can")
    func cutOffWriter() async throws {
        let (store, configuration, notices) = (Store(), CacheConfiguration.unique(), Notices())
        await store.commit(1, "old")
        try await withClients(1) { clients async throws in
            let reader = TextCache(configuration, clients[0], store: store)
            #expect(try await reader.get(1, .checked) == "old")
            let client = RedisClient(.patient(), on: io, logger: .quiet)
            let writer = TextCache(configuration, client, store: store) { notices.add($0) }
            #expect(await writer.put(1, await store.commit(1, "new")) == .unreachable)
            let notice = try #require(notices.all.first)
            #expect(try #require(notice.fenceMilliseconds) >= 360_000)
            // Redis still has the old value, and a process without the notice serves it.
            #expect(try await reader.get(1, .checked) == "old")
            await reader.receive(notice)
            #expect(try await reader.get(1, .checked) == "new")
            #expect(try await reader.get(1, .upTo(.seconds(3_600))) == "new")
            // Redis has the loaded value now, for all processes.
            #expect(try await TextCache(configuration, clients[0], store: store).get(1, .checked) == "new")
            #expect(await store.loads.count == 2)
        }
    }

    @Test("a process that missed the notice is safe once the writer has reached Redis again")
    func repair() async throws {
        let (store, configuration) = (Store(), CacheConfiguration.unique())
        for key in Int64(1)...3 { await store.commit(key, "old") }
        try await withClients(1) { clients async throws in
            let reader = TextCache(configuration, clients[0], store: store)
            #expect(try await reader.get([1, 2, 3], .checked).count == 3)
            let client = RedisClient(.patient(), on: io, logger: .quiet)
            let writer = TextCache(configuration, client, store: store)
            await writer.put([1: await store.commit(1, "new"), 2: await store.commit(2, nil)])
            await store.commit(3, "new")
            await writer.invalidate([3])
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await client.run() }
                defer { group.cancelAll() }
                _ = try await eventually("sending the invalidations") { await writer.hasSentAllInvalidations ? true : nil }
            }
            #expect(try await reader.get([1, 2, 3], .checked) == [1: "new", 3: "new"])
            #expect(await !writer.isFenced(1))
        }
    }

    @Test("a Redis that refuses writes counts as unreachable")
    func refusesWrites() async throws {
        let (store, configuration) = (Store(), CacheConfiguration.unique())
        await store.commit(1, "old")
        try await OwnRedis.with { redis in
            try await withClients(2, endpoint: .patient(host: "127.0.0.1", port: redis.port)) { clients async throws in
                let caches = clients.map { TextCache(configuration, $0, store: store) }
                for cache in caches { #expect(try await cache.get(1, .checked) == "old") }
                _ = try await clients[0].command(["CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", "1"])
                #expect(await caches[0].put(1, await store.commit(1, "new")) == .unreachable)
                #expect(try await caches[0].get(1, .checked) == "new")
                _ = try await clients[0].command(["CONFIG", "SET", "maxmemory", "0"])
                _ = try await eventually("sending the invalidations") { await caches[0].hasSentAllInvalidations ? true : nil }
                #expect(try await caches[1].get(1, .checked) == "new")
            }
        }
    }

    @Test("a stalled Redis costs a reader its timeouts once; later readers do not wait")
    func stalled() async throws {
        let store = Store()
        await store.commit(1, "one")
        try await OwnRedis.with { redis in
            var endpoint = RedisEndpoint.patient(host: "127.0.0.1", port: redis.port)
            endpoint.commandTimeout = .milliseconds(50)
            endpoint.stallTimeout = .milliseconds(100)
            endpoint.connectTimeout = .milliseconds(200)
            try await withClients(1, endpoint: endpoint) { clients async throws in
                let cache = TextCache(.unique(), clients[0], store: store)
                #expect(try await cache.get(1, .checked) == "one")
                redis.pause()
                while clients[0].isAvailable { #expect(try await cache.get(1, .checked) == "one") }
                #expect(await cache.put(1, await store.commit(1, "two")) == .unreachable)
                for _ in 0..<100 { #expect(try await cache.get(1, .checked) == "two") }
                redis.resume()
                try await clients[0].connected()
                #expect(try await cache.get(1, .checked) == "two")
            }
        }
    }

    @Test("a write that spans a stall of Redis is not lost, and the value it replaces does not return")
    func stallDuringPut() async throws {
        let (store, configuration) = (Store(), CacheConfiguration.unique())
        await store.commit(1, "old")
        try await OwnRedis.with { redis in
            var endpoint = RedisEndpoint.patient(host: "127.0.0.1", port: redis.port)
            endpoint.commandTimeout = .milliseconds(50)
            try await withClients(2, endpoint: endpoint) { clients async throws in
                let caches = clients.map { TextCache(configuration, $0, store: store) }
                for cache in caches {
                    _ = try await eventually("a value") { try await cache.get(1, .checked) == "old" ? true : nil }
                }
                redis.pause()
                #expect(await caches[0].put(1, await store.commit(1, "new")) == .unreachable)
                redis.resume()
                _ = try await eventually("sending the invalidations") { await caches[0].hasSentAllInvalidations ? true : nil }
                #expect(try await caches[1].get(1, .checked) == "new")
            }
        }
    }
}
