import Redis
import TestSupport
import Testing

@testable import Cache

@Suite("Reading through the cache") struct CacheReadTests {
    @Test(
        "a value is loaded once for all readers of all processes",
        arguments: [Freshness.checked, .upTo(.seconds(1))])
    func readThrough(_ freshness: Freshness) async throws {
        let (store, configuration) = (Store(), CacheConfiguration.unique())
        await store.commit(1, "text")
        try await withClients(2) { clients async throws in
            let caches = clients.map { TextCache(configuration, $0, store: store) }
            for cache in caches + caches { #expect(try await cache.get(1, freshness) == "text") }
            #expect(await store.loads == [[1]])
        }
    }

    @Test("a known absence is cached")
    func knownAbsent() async throws {
        let (store, configuration) = (Store(), CacheConfiguration.unique())
        try await withClients(2) { clients async throws in
            let caches = clients.map { TextCache(configuration, $0, store: store) }
            for cache in caches + caches { #expect(try await cache.get(7, .checked) == nil) }
            #expect(await store.loads == [[7]])
        }
    }

    @Test("a read of many keys takes each from the nearest tier, and leaves out keys without a value")
    func many() async throws {
        let (store, configuration) = (Store(), CacheConfiguration.unique())
        for key in Int64(1)...6 { await store.commit(key, "\(key)") }
        try await withClients(2) { clients async throws in
            let (here, there) = (
                TextCache(configuration, clients[0], store: store), TextCache(configuration, clients[1], store: store)
            )
            #expect(try await here.get([1, 2], .checked) == [1: "1", 2: "2"])
            #expect(try await there.get([3, 3], .checked) == [3: "3"])
            #expect(try await here.get([1, 2, 3, 4, 99], .upTo(.seconds(1))) == [1: "1", 2: "2", 3: "3", 4: "4"])
            #expect(await store.loads.last.map(Set.init) == [4, 99])
            #expect(try await there.get([], .checked) == [:])
            #expect(await store.loads.count == 3)
        }
    }

    @Test("a hundred concurrent readers cost one load, and cancelling one does not affect the others")
    func singleFlight() async throws {
        let store = Store()
        await store.commit(1, "text")
        let gate = await store.hold()
        try await withClients(1) { clients async throws in
            let cache = TextCache(.unique(), clients[0], store: store)
            // They accept old values, so that the running load serves all of them.
            let readers = (0..<100).map { _ in Task { try await cache.get(1, .upTo(.seconds(3_600))) } }
            await gate.arrival()
            readers[0].cancel()
            await #expect(throws: CancellationError.self) { try await readers[0].value }
            gate.release()
            for reader in readers.dropFirst() { #expect(try await reader.value == "text") }
            #expect(await store.loads.count == 1)
        }
    }

    @Test("cancelling the first reader does not stop the load for the others")
    func leaderCancelled() async throws {
        let store = Store()
        await store.commit(1, "text")
        let gate = await store.hold()
        try await withClients(1) { clients async throws in
            let cache = TextCache(.unique(), clients[0], store: store)
            let first = Task { try await cache.get(1, .checked) }
            await gate.arrival()
            let second = Task { try await cache.get(1, .upTo(.seconds(3_600))) }
            _ = try await eventually("joining") { await cache.waiting == 2 ? true : nil }
            first.cancel()
            await #expect(throws: CancellationError.self) { try await first.value }
            gate.release()
            #expect(try await second.value == "text")
            #expect(await store.loads.count == 1)
        }
    }

    @Test("process memory answers without Redis for as long as the reader allows")
    func memory() async throws {
        let (store, clock, configuration) = (Store(), TestClock(), CacheConfiguration.unique())
        await store.commit(1, "old")
        try await withClients(1) { clients async throws in
            let cache = TextCache(configuration, clients[0], store: store, clock: clock)
            #expect(try await cache.get(1, .upTo(.seconds(1))) == "old")
            await store.commit(1, "new")
            await cache.evict(1)
            clock.advance(by: .milliseconds(999))
            #expect(try await cache.get(1, .upTo(.seconds(1))) == "old")
            #expect(try await cache.get([1], .upTo(.seconds(1))) == [1: "old"])
            clock.advance(by: .milliseconds(2))
            #expect(try await cache.get(1, .upTo(.seconds(1))) == "new")
        }
    }

    @Test("a checked reader gets the value in process memory only if Redis has the same one", arguments: [1, 2_000])
    func checkedMemory(size: Int) async throws {
        let (store, configuration) = (Store(), CacheConfiguration.unique())
        let (old, new) = (String(repeating: "o", count: size), String(repeating: "n", count: size))
        await store.commit(1, old)
        try await withClients(2) { clients async throws in
            let (here, there) = (
                TextCache(configuration, clients[0], store: store), TextCache(configuration, clients[1], store: store)
            )
            #expect(try await here.get(1, .checked) == old)
            #expect(try await there.get(1, .checked) == old)
            await there.put(1, await store.commit(1, new))
            #expect(try await here.get(1, .checked) == new)
            #expect(await store.loads.count == 1)
        }
    }

    @Test("a value that cannot be decoded is loaded")
    func undecodable() async throws {
        struct Unreadable: Error {}
        let (store, configuration) = (Store(), CacheConfiguration.unique())
        await store.commit(1, "text")
        try await withClients(2) { clients async throws in
            let first = try await TextCache(configuration, clients[0], store: store).get(1, .checked)
            #expect(first == "text")
            let coder = CacheCoder<String>(encode: { Array($0.utf8) }, decode: { _ in throw Unreadable() })
            let other = TextCache(configuration, redis: clients[1], on: io, coder: coder, broadcast: { _ in }) {
                try await store.load($0)
            }
            #expect(try await other.get(1, .checked) == "text")
            #expect(await store.loads.count == 2)
        }
    }

    @Test("a value that cannot be decoded is replaced by a loaded one of the same version")
    func replaced() async throws {
        struct Unreadable: Error {}
        let (store, configuration) = (Store(), CacheConfiguration.unique())
        await store.commit(1, "text")
        try await withClients(3) { clients async throws in
            let foreign = CacheCoder<String>(
                encode: { [0] + $0.utf8 }, decode: { String(decoding: $0.dropFirst(), as: UTF8.self) })
            let native = CacheCoder<String>(
                encode: { Array($0.utf8) },
                decode: { if $0.first == 0 { throw Unreadable() } else { String(decoding: $0, as: UTF8.self) } })
            for (client, coder) in zip(clients, [foreign, native, native]) {
                let cache = TextCache(configuration, redis: client, on: io, coder: coder, broadcast: { _ in }) {
                    try await store.load($0)
                }
                #expect(try await cache.get(1, .checked) == "text")
            }
            #expect(await store.loads.count == 2)
        }
    }

    @Test("a load without waiters does not reach the store when its turn comes")
    func deserted() async throws {
        let store = Store()
        for key in Int64(1)...3 { await store.commit(key, "\(key)") }
        let (held, gate) = (await store.hold(), LoadGate(maxRunning: 1, maxWaiting: 2))
        try await withClients(1) { clients async throws in
            let cache = TextCache(.unique(), clients[0], store: store, gate: gate)
            let first = Task { try await cache.get(1, .checked) }
            await held.arrival()
            let second = Task { try await cache.get(2, .checked) }
            let third = Task { try await cache.get(3, .checked) }
            _ = try await eventually("waiting") { gate.load.waiting == 2 ? true : nil }
            second.cancel()
            third.cancel()
            await #expect(throws: CancellationError.self) { try await second.value }
            await #expect(throws: CancellationError.self) { try await third.value }
            await store.stopHolding()
            held.release()
            #expect(try await first.value == "1")
            _ = try await eventually("the end of the loads") { gate.load == (0, 0) ? true : nil }
            #expect(await store.loads == [[1]])
            #expect(try await cache.get([2, 3], .checked) == [2: "2", 3: "3"])
        }
    }

    @Test("a failed load fails all its waiters, and the next read starts a new load")
    func failingLoad() async throws {
        let store = Store()
        await store.commit(1, "text")
        await store.fail(Store.Away())
        try await withClients(1) { clients async throws in
            let cache = TextCache(.unique(), clients[0], store: store)
            await #expect(throws: Store.Away.self) { try await cache.get(1, .checked) }
            await #expect(throws: Store.Away.self) { try await cache.get([1, 2], .upTo(.seconds(1))) }
            await store.fail(nil)
            #expect(try await cache.get([1, 2], .checked) == [1: "text"])
        }
    }

    @Test("a loader that does not return is cancelled after the timeout")
    func hangingLoad() async throws {
        var configuration = CacheConfiguration.unique()
        configuration.loadTimeout = .milliseconds(1)
        try await withClients(1) { [configuration] clients async throws in
            let cache = TextCache(configuration, redis: clients[0], on: io, coder: .text, broadcast: { _ in }) { _ in
                try await untilCancelled()
            }
            await #expect(throws: CacheLoadTimedOut.self) { try await cache.get(1, .checked) }
        }
    }

    @Test("loads beyond the limit are refused at once, and the waiting ones are served")
    func overload() async throws {
        let store = Store()
        for key in Int64(1)...4 { await store.commit(key, "\(key)") }
        let (held, gate) = (await store.hold(), LoadGate(maxRunning: 1, maxWaiting: 1))
        try await withClients(1) { clients async throws in
            let cache = TextCache(.unique(), clients[0], store: store, gate: gate)
            let first = Task { try await cache.get(1, .checked) }
            await held.arrival()
            let second = Task { try await cache.get(2, .checked) }
            _ = try await eventually("waiting") { gate.load.waiting == 1 ? true : nil }
            await #expect(throws: CacheOverloaded.self) { try await cache.get(3, .checked) }
            await store.stopHolding()
            held.release()
            #expect(try await first.value == "1")
            #expect(try await second.value == "2")
            #expect(try await cache.get(3, .checked) == "3")
            #expect(gate.load == (0, 0))
        }
    }

    @Test("dropAll empties process memory, and earlier reads do not fill it again")
    func dropAll() async throws {
        let (store, configuration) = (Store(), CacheConfiguration.unique())
        await store.commit(1, "old")
        try await withClients(1) { clients async throws in
            let cache = TextCache(configuration, clients[0], store: store)
            #expect(try await cache.get(1, .upTo(.seconds(3_600))) == "old")
            await store.commit(1, "new")
            await cache.evict(1)
            #expect(try await cache.get(1, .upTo(.seconds(3_600))) == "old")
            await cache.dropAll()
            #expect(try await cache.get(1, .upTo(.seconds(3_600))) == "new")
        }
    }

    @Test("a notice removes older values from process memory; notices of other kinds do not")
    func notices() async throws {
        let (store, configuration) = (Store(), CacheConfiguration.unique())
        await store.commit(1, "old")
        try await withClients(1) { clients async throws in
            let cache = TextCache(configuration, clients[0], store: store)
            #expect(try await cache.get(1, .upTo(.seconds(3_600))) == "old")
            await store.commit(1, "new")
            await cache.evict(1)
            await cache.receive(CacheNotice(kind: "other", changes: [.init(key: "1", version: 2)]))
            await cache.receive(
                CacheNotice(kind: configuration.kind, changes: [.init(key: "1", version: 1), .init(key: "no key", version: 1)]))
            #expect(try await cache.get(1, .upTo(.seconds(3_600))) == "old")
            await cache.receive(CacheNotice(kind: configuration.kind, changes: [.init(key: "1", version: 2)]))
            #expect(try await cache.get(1, .upTo(.seconds(3_600))) == "new")
        }
    }
}
