import Redis
import Synchronization
import TestSupport
import Testing

@testable import Cache

/// Each test is a transcript of one order of events.
@Suite("The scripts that run in Redis") struct ScriptTests {
    /// Calls `body` with a tier whose keys no other test uses.
    private func withTier(_ body: (RedisTier<Int64>, RedisSession) async throws -> Void) async throws {
        try await withClients(1) { clients async throws in
            let session = try #require(clients[0].session)
            try await body(RedisTier(.unique(), redis: clients[0]), session)
        }
    }

    private func value(_ version: Int64, _ payload: UInt8 = 0) -> CacheEntry {
        CacheEntry(state: .value, version: version, payload: [payload])
    }

    @Test("a load fills its lease")
    func fill() async throws {
        try await withTier { tier, session async throws in
            let lease = try await tier.lease([1], on: session)[0]
            #expect(lease.state == .lease)
            #expect(try await tier.read([1], on: session) == [nil])
            let entry = value(3)
            guard case .installed = try await tier.fill([(1, entry, lease.stampBytes)], on: session)[0] else {
                Issue.record(); return
            }
            #expect(try await tier.read([1], on: session) == [entry])
            #expect(try await tier.stamp(1, on: session) == entry.stamp)
        }
    }

    @Test("a load whose lease was evicted stores nothing, because a newer value may have been evicted too")
    func evicted() async throws {
        try await withTier { tier, session async throws in
            let lease = try await tier.lease([1], on: session)[0]
            _ = try await tier.redis.command(["DEL", tier.name(1, on: session)], on: session)
            guard case .leaseLost = try await tier.fill([(1, value(3), lease.stampBytes)], on: session)[0] else {
                Issue.record(); return
            }
            _ = try await tier.lease([1], on: session)
            guard case .leaseLost = try await tier.fill([(1, value(3), lease.stampBytes)], on: session)[0] else {
                Issue.record(); return
            }
            #expect(try await tier.read([1], on: session) == [nil])
        }
    }

    @Test("concurrent loads of a key share one lease")
    func sharedLease() async throws {
        try await withTier { tier, session async throws in
            let first = try await tier.lease([1], on: session)[0]
            #expect(try await tier.lease([1], on: session)[0] == first)
        }
    }

    @Test("a write into an empty key stores nothing, because a newer value may have been evicted")
    func putIntoNothing() async throws {
        try await withTier { tier, session async throws in
            #expect(try await tier.put([(1, value(5))], on: session) == [false])
            #expect(try await tier.read([1], on: session) == [nil])
        }
    }

    @Test("a write during a load wins over an older loaded value")
    func putDuringLoad() async throws {
        try await withTier { tier, session async throws in
            let lease = try await tier.lease([1], on: session)[0]
            #expect(try await tier.put([(1, value(5, 55))], on: session) == [false])
            #expect(try await tier.put([(1, value(4, 44))], on: session) == [false])
            #expect(try await tier.read([1], on: session) == [nil])
            guard case .present(let present) = try await tier.fill([(1, value(4, 40), lease.stampBytes)], on: session)[0] else {
                Issue.record(); return
            }
            #expect((present.state, present.version, present.payload) == (.value, 5, [55]))
            #expect(try await tier.read([1], on: session) == [present])
        }
    }

    @Test("a load of a newer value wins over a write during the load")
    func putBeforeLoadReads() async throws {
        try await withTier { tier, session async throws in
            let lease = try await tier.lease([1], on: session)[0]
            _ = try await tier.put([(1, value(5))], on: session)
            let loaded = value(6)
            guard case .installed = try await tier.fill([(1, loaded, lease.stampBytes)], on: session)[0] else {
                Issue.record(); return
            }
            #expect(try await tier.read([1], on: session) == [loaded])
        }
    }

    @Test("a deletion during a load wins, and so does a creation after it")
    func deletionDuringLoad() async throws {
        try await withTier { tier, session async throws in
            let lease = try await tier.lease([1], on: session)[0]
            _ = try await tier.put([(1, CacheEntry(state: .absent, version: 5))], on: session)
            guard case .present(let gone) = try await tier.fill([(1, value(4), lease.stampBytes)], on: session)[0] else {
                Issue.record(); return
            }
            #expect((gone.state, gone.version, gone.payload) == (.absent, 5, []))
            let again = value(6)
            #expect(try await tier.put([(1, again)], on: session) == [true])
            #expect(try await tier.put([(1, CacheEntry(state: .absent, version: 5))], on: session) == [false])
            #expect(try await tier.read([1], on: session) == [again])
        }
    }

    @Test(
        "versions beyond the precision of Lua numbers are compared correctly",
        arguments: [Int64.min, -1, 1 << 53, Int64.max - 1] as [Int64])
    func largeVersions(_ version: Int64) async throws {
        try await withTier { tier, session async throws in
            let lease = try await tier.lease([1], on: session)[0]
            _ = try await tier.fill([(1, value(version), lease.stampBytes)], on: session)
            #expect(try await tier.put([(1, value(version + 1))], on: session) == [true])
            #expect(try await tier.put([(1, value(version))], on: session) == [false])
        }
    }

    @Test("a fence hides older values, and only values of its version or newer fill the key")
    func fence() async throws {
        try await withTier { tier, session async throws in
            let lease = try await tier.lease([1], on: session)[0]
            _ = try await tier.fill([(1, value(3), lease.stampBytes)], on: session)
            try await tier.fence([1], versions: [3], on: session)
            #expect(try await tier.read([1], on: session)[0]?.version == 3)
            try await tier.fence([1], versions: [5], on: session)
            #expect(try await tier.read([1], on: session) == [nil])
            #expect(try await tier.put([(1, value(4))], on: session) == [false])
            let next = try await tier.lease([1], on: session)[0]
            guard case .leaseLost = try await tier.fill([(1, value(4), next.stampBytes)], on: session)[0] else {
                Issue.record(); return
            }
            guard case .installed = try await tier.fill([(1, value(5), next.stampBytes)], on: session)[0] else {
                Issue.record(); return
            }
        }
    }

    @Test("a fence without a version hides any value, and ends running loads")
    func blindFence() async throws {
        try await withTier { tier, session async throws in
            let lease = try await tier.lease([1], on: session)[0]
            try await tier.fence([1], versions: nil, on: session)
            guard case .leaseLost = try await tier.fill([(1, value(3), lease.stampBytes)], on: session)[0] else {
                Issue.record(); return
            }
            let next = try await tier.lease([1], on: session)[0]
            _ = try await tier.fill([(1, value(3), next.stampBytes)], on: session)
            try await tier.fence([1], versions: nil, on: session)
            #expect(try await tier.read([1], on: session) == [nil])
            #expect(try await tier.put([(1, value(2))], on: session) == [false])
            let last = try await tier.lease([1], on: session)[0]
            guard case .leaseLost = try await tier.fill([(1, value(2), last.stampBytes)], on: session)[0] else {
                Issue.record(); return
            }
            guard case .installed = try await tier.fill([(1, value(3), last.stampBytes)], on: session)[0] else {
                Issue.record(); return
            }
        }
    }

    @Test("bytes of another format are not served, and are replaced")
    func foreign() async throws {
        try await withTier { tier, session async throws in
            _ = try await tier.redis.command(["SET", tier.name(1, on: session), "?", "PX", 60_000], on: session)
            #expect(try await tier.read([1], on: session) == [nil])
            let lease = try await tier.lease([1], on: session)[0]
            guard case .installed = try await tier.fill([(1, value(1), lease.stampBytes)], on: session)[0] else {
                Issue.record(); return
            }
        }
    }

    @Test("times to live are jittered, and short for absences")
    func timesToLive() async throws {
        try await withTier { tier, session async throws in
            let keys = (0..<40).map(Int64.init)
            let leases = try await tier.lease(keys, on: session)
            let entries = zip(keys, leases).map { key, lease in
                (key: key, entry: key % 2 == 0 ? value(1) : CacheEntry(state: .absent, version: .min), lease: lease.stampBytes)
            }
            _ = try await tier.fill(entries, on: session)
            var timesToLive: [Int64] = []
            for key in keys {
                timesToLive.append(try await tier.redis.command(["PTTL", tier.name(key, on: session)], on: session).integer())
            }
            let values = timesToLive.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
            let absent = timesToLive.enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
            #expect(values.allSatisfy { (200_000...360_000).contains($0) })
            #expect(Set(values).count > 10)
            #expect(absent.allSatisfy { (1...12_000).contains($0) })
        }
    }

    @Test("the current times to live apply, up to the configured maximum")
    func currentTimesToLive() async throws {
        try await withClients(1) { clients async throws in
            let session = try #require(clients[0].session)
            let seconds = Mutex(60)
            var configuration = CacheConfiguration.unique()
            configuration.currentTimesToLive = { seconds.withLock { (.seconds($0), .seconds($0)) } }
            let tier = RedisTier<Int64>(configuration, redis: clients[0])
            for (key, (now, longest)): (Int64, (Int, Int64)) in [(1, (60, 72_000)), (2, (30, 36_000)), (3, (10_000, 360_000))] {
                seconds.withLock { $0 = now }
                let lease = try await tier.lease([key], on: session)[0]
                _ = try await tier.fill([(key, value(1), lease.stampBytes)], on: session)
                let timeToLive = try await tier.redis.command(["PTTL", tier.name(key, on: session)], on: session).integer()
                #expect((longest / 3...longest).contains(timeToLive))
            }
        }
    }
}
