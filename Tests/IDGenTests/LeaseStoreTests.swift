import Foundation
import Logging
import Postgres
import PostgresTesting
import Reactor
import Synchronization
import TestSupport
import Testing

@testable import IDGen

/// Runs one suite against the table in memory and the one in Postgres.
@Suite("Lease store", .timeLimit(.minutes(2))) struct LeaseStoreTests {
    enum Kind: CaseIterable { case memory, postgres }

    private func with(_ kind: Kind, _ body: (any LeaseStore) async throws -> Void) async throws {
        switch kind {
        case .memory: try await body(MemoryLeaseStore(numbers: 1_024))
        case .postgres:
            try await TestDatabase.migrated(try IDGenMigrations.all()) { pool in
                try await body(PostgresLeaseStore(database: pool))
            }
        }
    }

    @Test("concurrent holders receive different numbers", arguments: Kind.allCases)
    func disjoint(kind: Kind) async throws {
        try await with(kind) { store in
            let leases = try await withThrowingTaskGroup { group in
                for index in 0..<20 { group.addTask { try await store.acquire(holder: "\(index)", now: 1_000, mark: 2_000) } }
                return try await group.reduce(into: []) { $0.append($1) }.compactMap(\.self)
            }
            // Concurrent statements skip a locked row; a later attempt finds another one.
            #expect(leases.count > 0)
            #expect(Set(leases.map(\.number)).count == leases.count)
            #expect(leases.allSatisfy { $0.mark == 2_000 && $0.first == 0 })
        }
    }

    @Test("a number is leased again once its mark has passed, and begins there", arguments: Kind.allCases)
    func reuse(kind: Kind) async throws {
        try await with(kind) { store in
            for _ in 0..<1_024 { #expect(try await store.acquire(holder: "first", now: 1_000, mark: 2_000) != nil) }
            #expect(try await store.acquire(holder: "second", now: 1_999, mark: 3_000) == nil)
            let lease = try #require(try await store.acquire(holder: "second", now: 2_000, mark: 3_000))
            #expect(lease.first == 2_000)
            #expect(lease.fence == 2)
        }
    }

    @Test("a former holder of a number can neither renew nor release it", arguments: Kind.allCases)
    func fence(kind: Kind) async throws {
        try await with(kind) { store in
            let old = try #require(try await store.acquire(holder: "old", now: 1_000, mark: 2_000))
            for _ in 0..<1_023 { _ = try await store.acquire(holder: "others", now: 1_000, mark: 9_000) }
            let new = try #require(try await store.acquire(holder: "new", now: 2_000, mark: 5_000))
            #expect(new.number == old.number)
            #expect(try await store.renew(old, to: 8_000) == false)
            try await store.release(old, at: 1_500)
            #expect(try await store.renew(new, to: 6_000))
            #expect(try await store.acquire(holder: "third", now: 5_999, mark: 9_000) == nil)
        }
    }

    @Test("only a release lowers the mark", arguments: Kind.allCases)
    func marks(kind: Kind) async throws {
        try await with(kind) { store in
            let lease = try #require(try await store.acquire(holder: "one", now: 1_000, mark: 5_000))
            #expect(try await store.renew(lease, to: 3_000))
            for _ in 0..<1_023 { _ = try await store.acquire(holder: "others", now: 1_000, mark: 9_000) }
            #expect(try await store.acquire(holder: "early", now: 4_999, mark: 9_000) == nil)
            try await store.release(lease, at: 1_234)
            let next = try #require(try await store.acquire(holder: "next", now: 1_234, mark: 9_000))
            #expect(next.number == lease.number)
            #expect(next.first == 1_234)
        }
    }
}

/// ``LeaseTable`` behind a lock.
final class MemoryLeaseStore: LeaseStore {
    private let table: Mutex<LeaseTable>
    init(numbers: Int) { table = Mutex(LeaseTable(numbers: numbers)) }
    func acquire(holder: String, now: Int64, mark: Int64) async throws -> GeneratorLease? {
        table.withLock { $0.acquire(holder: holder, now: now, mark: mark) }
    }
    func renew(_ lease: GeneratorLease, to mark: Int64) async throws -> Bool { table.withLock { $0.renew(lease, to: mark) } }
    func release(_ lease: GeneratorLease, at mark: Int64) async throws { table.withLock { $0.release(lease, at: mark) } }
}
