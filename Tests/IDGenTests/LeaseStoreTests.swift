import Foundation
import Logging
import Postgres
import PostgresTesting
import Reactor
import Synchronization
import TestSupport
import Testing

@testable import IDGen

/// The same promises by the table that tests use and by the one in Postgres.
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

    @Test("every taker gets a number of its own", arguments: Kind.allCases)
    func disjoint(kind: Kind) async throws {
        try await with(kind) { store in
            let leases = try await withThrowingTaskGroup { group in
                for index in 0..<20 { group.addTask { try await store.take(holder: "\(index)", now: 1_000, mark: 2_000) } }
                return try await group.reduce(into: []) { $0.append($1) }.compactMap(\.self)
            }
            // Takers that meet at one row skip it; a later try finds another.
            #expect(leases.count > 0)
            #expect(Set(leases.map(\.number)).count == leases.count)
            #expect(leases.allSatisfy { $0.mark == 2_000 && $0.first == 0 })
        }
    }

    @Test("a number comes back once its mark has passed, and begins there", arguments: Kind.allCases)
    func reuse(kind: Kind) async throws {
        try await with(kind) { store in
            for _ in 0..<1_024 { #expect(try await store.take(holder: "first", now: 1_000, mark: 2_000) != nil) }
            #expect(try await store.take(holder: "second", now: 1_999, mark: 3_000) == nil)
            let lease = try #require(try await store.take(holder: "second", now: 2_000, mark: 3_000))
            #expect(lease.first == 2_000)
            #expect(lease.fence == 2)
        }
    }

    @Test("who lost a number to another can neither raise nor release it", arguments: Kind.allCases)
    func fence(kind: Kind) async throws {
        try await with(kind) { store in
            let old = try #require(try await store.take(holder: "old", now: 1_000, mark: 2_000))
            for _ in 0..<1_023 { _ = try await store.take(holder: "others", now: 1_000, mark: 9_000) }
            let new = try #require(try await store.take(holder: "new", now: 2_000, mark: 5_000))
            #expect(new.number == old.number)
            #expect(try await store.raise(old, to: 8_000) == false)
            try await store.release(old, at: 1_500)
            #expect(try await store.raise(new, to: 6_000))
            #expect(try await store.take(holder: "third", now: 5_999, mark: 9_000) == nil)
        }
    }

    @Test("a mark never sinks but by release", arguments: Kind.allCases)
    func marks(kind: Kind) async throws {
        try await with(kind) { store in
            let lease = try #require(try await store.take(holder: "one", now: 1_000, mark: 5_000))
            #expect(try await store.raise(lease, to: 3_000))
            for _ in 0..<1_023 { _ = try await store.take(holder: "others", now: 1_000, mark: 9_000) }
            #expect(try await store.take(holder: "early", now: 4_999, mark: 9_000) == nil)
            try await store.release(lease, at: 1_234)
            let next = try #require(try await store.take(holder: "next", now: 1_234, mark: 9_000))
            #expect(next.number == lease.number)
            #expect(next.first == 1_234)
        }
    }
}

/// ``LeaseTable`` behind a lock.
final class MemoryLeaseStore: LeaseStore {
    private let table: Mutex<LeaseTable>
    init(numbers: Int) { table = Mutex(LeaseTable(numbers: numbers)) }
    func take(holder: String, now: Int64, mark: Int64) async throws -> GeneratorLease? {
        table.withLock { $0.take(holder: holder, now: now, mark: mark) }
    }
    func raise(_ lease: GeneratorLease, to mark: Int64) async throws -> Bool { table.withLock { $0.raise(lease, to: mark) } }
    func release(_ lease: GeneratorLease, at mark: Int64) async throws { table.withLock { $0.release(lease, at: mark) } }
}
