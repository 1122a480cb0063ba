import Foundation
import TestSupport
import Testing

@testable import Cache

@Suite("Writing to the cache") struct CacheWriteTests {
    @Test("every process reads a written value at once, without asking the store")
    func putIsSeen() async throws {
        let (store, configuration) = (Store(), CacheConfiguration.unique())
        await store.commit(1, "one")
        try await withClients(2) { clients async throws in
            let caches = clients.map { TextCache(configuration, $0, store: store) }
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

    @Test("a late write of an older version changes nothing")
    func latePut() async throws {
        let (store, configuration) = (Store(), CacheConfiguration.unique())
        await store.commit(1, "one")
        try await withClients(2) { clients async throws in
            let caches = clients.map { TextCache(configuration, $0, store: store) }
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

    @Test("a slow load never replaces a value that was written meanwhile, also for its own waiters")
    func slowLoad() async throws {
        let (store, configuration) = (Store(), CacheConfiguration.unique())
        await store.commit(1, "old")
        let gate = await store.hold()
        try await withClients(2) { clients async throws in
            let caches = clients.map { TextCache(configuration, $0, store: store) }
            let slow = Task { try await caches[0].get(1, .checked) }
            await gate.arrival()
            await caches[1].put(1, await store.commit(1, "new"))
            let after = Task { try await caches[0].get(1, .checked) }
            _ = try await eventually("joining") { await caches[0].waiting == 2 ? true : nil }
            await store.stopHolding()
            gate.release()
            #expect(try await after.value == "new")
            _ = try await slow.value
            for cache in caches { #expect(try await cache.get(1, .checked) == "new") }
            for cache in caches { #expect(try await cache.get(1, .upTo(.seconds(1))) == "new") }
        }
    }

    @Test("a load that found an absence does not hide a value created meanwhile, even after an eviction")
    func createdDuringLoad() async throws {
        for forgets in [false, true] {
            let (store, configuration) = (Store(), CacheConfiguration.unique())
            let gate = await store.hold()
            try await withClients(2) { clients async throws in
                let caches = clients.map { TextCache(configuration, $0, store: store) }
                let slow = Task { try await caches[0].get(1, .checked) }
                await gate.arrival()
                await caches[1].put(1, await store.commit(1, "new"))
                if forgets { await caches[0].evict(1) }
                await store.stopHolding()
                gate.release()
                _ = try await slow.value
                for cache in caches { #expect(try await cache.get(1, .checked) == "new") }
            }
        }
    }

    @Test("without Redis, a reader that asks after a write does not get an earlier load")
    func loadsWithoutRedis() async throws {
        let store = Store()
        await store.commit(1, "old")
        let gate = await store.hold()
        let cache = TextCache(.unique(), away(), store: store)
        let slow = Task { try await cache.get(1, .checked) }
        await gate.arrival()
        #expect(await cache.put(1, await store.commit(1, "new")) == .unreachable)
        let after = Task { try await cache.get(1, .checked) }
        _ = try await eventually("joining") { await cache.waiting == 2 ? true : nil }
        await store.stopHolding()
        gate.release()
        #expect(try await slow.value == "old")
        #expect(try await after.value == "new")
        #expect(await store.loads.count == 2)
    }

    @Test("an invalidated key is loaded, with or without a version", arguments: [Int64?.none, 2])
    func invalidate(version: Int64?) async throws {
        let (store, configuration) = (Store(), CacheConfiguration.unique())
        await store.commit(1, "one")
        try await withClients(2) { clients async throws in
            let caches = clients.map { TextCache(configuration, $0, store: store) }
            for cache in caches { #expect(try await cache.get(1, .checked) == "one") }
            await store.commit(1, "two")
            #expect(await caches[0].invalidate([1], version: version) == .stored)
            for cache in caches { #expect(try await cache.get(1, .checked) == "two") }
            #expect(await store.loads.count == 2)
        }
    }

    @Test("every write broadcasts which versions are stale")
    func broadcasts() async throws {
        let (store, configuration, notices) = (Store(), CacheConfiguration.unique(), Notices())
        try await withClients(1) { clients async throws in
            let cache = TextCache(configuration, clients[0], store: store) { notices.add($0) }
            await cache.put(1, await store.commit(1, "one"))
            await cache.invalidate([2], version: 9)
            await cache.invalidate([3])
            let changes: [CacheNotice.Change] = [
                .init(key: "1", version: 1), .init(key: "2", version: 9), .init(key: "3", version: nil),
            ]
            #expect(notices.all == changes.map { CacheNotice(kind: configuration.kind, changes: [$0]) })
        }
    }

    @Test("a value that cannot be encoded is not cached, and the older value is not served")
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

    @Test("the JSON of a notice does not change between releases")
    func golden() throws {
        let notice = CacheNotice(kind: "profile.v1", changes: [.init(key: "7", version: 3)], fenceMilliseconds: 5)
        let sample = #"{"kind":"profile.v1","changes":[{"key":"7","version":3}],"distrustMs":5,"everything":false}"#
        #expect(try JSONDecoder().decode(CacheNotice.self, from: Data(sample.utf8)) == notice)
    }
}
