import TestSupport
import Testing

@testable import Cache

@Suite struct CacheWriteTests {
    @Test("what was put is read through every process at once, and the store is not asked again")
    func putIsSeen() async throws {
        let (store, configuration) = (Store(), CacheConfiguration.unique())
        await store.commit(1, "one")
        try await withClients(2) { clients async throws in
            let caches = clients.map { TextCache(configuration, $0, store) }
            for cache in caches { #expect(try await cache.get(1, .checked) == "one") }
            #expect(await caches[0].put(1, await store.commit(1, "two")) == .stored)
            for cache in caches { #expect(try await cache.get(1, .checked) == "two") }
            await caches[1].put(1, await store.commit(1, nil))
            for cache in caches { #expect(try await cache.get(1, .checked) == nil) }
            await caches[0].put([1: await store.commit(1, "again"), 2: await store.commit(2, "more")])
            for cache in caches { #expect(try await cache.get([1, 2], .checked) == [1: "again", 2: "more"]) }
            #expect(await store.loads == [[1], [2]])
        }
    }

    @Test("a put that comes late changes nothing")
    func latePut() async throws {
        let (store, configuration) = (Store(), CacheConfiguration.unique())
        await store.commit(1, "one")
        try await withClients(2) { clients async throws in
            let caches = clients.map { TextCache(configuration, $0, store) }
            #expect(try await caches[0].get(1, .checked) == "one")
            let (two, three) = (await store.commit(1, "two"), await store.commit(1, "three"))
            await caches[0].put(1, three)
            await caches[1].put(1, two)
            for cache in caches {
                #expect(try await cache.get(1, .checked) == "three")
                #expect(try await cache.get(1, .upTo(.seconds(1))) == "three")
            }
        }
    }

    @Test("a slow load never takes the place of what was written meanwhile, not for those who wait for it either")
    func slowLoad() async throws {
        let (store, configuration) = (Store(), CacheConfiguration.unique())
        await store.commit(1, "old")
        let gate = await store.hold()
        try await withClients(2) { clients async throws in
            let caches = clients.map { TextCache(configuration, $0, store) }
            let slow = Task { try await caches[0].get(1, .checked) }
            await gate.arrival()
            await caches[1].put(1, await store.commit(1, "new"))
            let after = Task { try await caches[0].get(1, .checked) }
            _ = try await eventually("joining") { await caches[0].waiting == 2 ? true : nil }
            await store.holdNoMore()
            gate.letGo()
            #expect(try await after.value == "new")
            _ = try await slow.value
            for cache in caches { #expect(try await cache.get(1, .checked) == "new") }
            for cache in caches { #expect(try await cache.get(1, .upTo(.seconds(1))) == "new") }
        }
    }

    @Test("a load that found nothing does not hide what was created meanwhile, also when Redis forgot all of it")
    func createdDuringLoad() async throws {
        for forgets in [false, true] {
            let (store, configuration) = (Store(), CacheConfiguration.unique())
            let gate = await store.hold()
            try await withClients(2) { clients async throws in
                let caches = clients.map { TextCache(configuration, $0, store) }
                let slow = Task { try await caches[0].get(1, .checked) }
                await gate.arrival()
                await caches[1].put(1, await store.commit(1, "new"))
                if forgets { await caches[0].evict(1) }
                await store.holdNoMore()
                gate.letGo()
                _ = try await slow.value
                for cache in caches { #expect(try await cache.get(1, .checked) == "new") }
            }
        }
    }

    @Test("who asks after a write does not get what a load read before it, though neither of them can ask Redis")
    func loadsWithoutRedis() async throws {
        let store = Store()
        await store.commit(1, "old")
        let gate = await store.hold()
        let cache = TextCache(.unique(), away(), store)
        let slow = Task { try await cache.get(1, .checked) }
        await gate.arrival()
        #expect(await cache.put(1, await store.commit(1, "new")) == .unreachable)
        let after = Task { try await cache.get(1, .checked) }
        _ = try await eventually("joining") { await cache.waiting == 2 ? true : nil }
        await store.holdNoMore()
        gate.letGo()
        #expect(try await slow.value == "old")
        #expect(try await after.value == "new")
        #expect(await store.loads.count == 2)
    }

    @Test("an invalidated key is loaded, by version or without one", arguments: [Int64?.none, 2])
    func invalidate(version: Int64?) async throws {
        let (store, configuration) = (Store(), CacheConfiguration.unique())
        await store.commit(1, "one")
        try await withClients(2) { clients async throws in
            let caches = clients.map { TextCache(configuration, $0, store) }
            for cache in caches { #expect(try await cache.get(1, .checked) == "one") }
            await store.commit(1, "two")
            #expect(await caches[0].invalidate([1], version: version) == .stored)
            for cache in caches { #expect(try await cache.get(1, .checked) == "two") }
            #expect(await store.loads.count == 2)
        }
    }

    @Test("every write tells the other processes which versions are stale")
    func broadcasts() async throws {
        let (store, configuration, said) = (Store(), CacheConfiguration.unique(), Notices())
        try await withClients(1) { clients async throws in
            let cache = TextCache(configuration, clients[0], store) { said.add($0) }
            await cache.put(1, await store.commit(1, "one"))
            await cache.invalidate([2], version: 9)
            await cache.invalidate([3])
            let changes: [CacheNotice.Change] = [
                .init(key: "1", version: 1), .init(key: "2", version: 9), .init(key: "3", version: nil),
            ]
            #expect(said.all == changes.map { CacheNotice(kind: configuration.kind, changes: [$0]) })
        }
    }

    @Test("what cannot be coded is not kept, and does not hide behind what was there")
    func uncodable() async throws {
        struct Uncodable: Error {}
        let (store, configuration) = (Store(), CacheConfiguration.unique())
        await store.commit(1, "one")
        try await withClients(1) { clients async throws in
            let coder = CacheCoder<String>(
                encode: { text in
                    if text == "bad" { throw Uncodable() }
                    return Array(text.utf8)
                }, decode: { String(decoding: $0, as: UTF8.self) })
            let cache = TextCache(configuration, redis: clients[0], on: io, coder: coder, broadcast: { _ in }) {
                try await store.load($0)
            }
            let first = try await cache.get(1, .checked)
            #expect(first == "one")
            await cache.put(1, await store.commit(1, "bad"))
            #expect(try await cache.get(1, .checked) == "bad")
            await cache.put(1, await store.commit(1, "good"))
            #expect(try await cache.get(1, .checked) == "good")
        }
    }
}
