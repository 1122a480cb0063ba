import Contracts
import Logging
import PostgresTesting
import Reactor
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@testable import IDGen

@Suite("Id generator", .timeLimit(.minutes(2))) struct IDGeneratorTests {
    static let io = IOThread(name: "idgen")

    @Test("several over one table of Postgres never issue an id twice, and go on when one is gone")
    func several() async throws {
        try await TestDatabase.migrated(try IDGenMigrations.all()) { pool in
            let store = PostgresLeaseStore(database: pool)
            var all: [Int64] = []
            for round in 0..<2 {
                try await running(
                    (0..<4).map { IDGenerator(store: store, holder: "\(round).\($0)", on: Self.io, logger: .quiet) }
                ) { generators in
                    all += try await withThrowingTaskGroup { group in
                        for generator in generators {
                            for count in [1, 100, 4_096] { group.addTask { try await generator.next(count) } }
                        }
                        return try await group.reduce(into: []) { $0 += $1 }
                    }
                }
            }
            #expect(all.count == 2 * 4 * 4_197)
            #expect(Set(all).count == all.count)
        }
    }

    @Test("what was asked for comes ascending and whole, across several milliseconds")
    func ascending() async throws {
        try await running([IDGenerator(store: MemoryLeaseStore(numbers: 1), holder: "one", on: Self.io, logger: .quiet)]) {
            generators in
            let ids = try await generators[0].next(4_096) + generators[0].next(4_096)
            #expect(zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 })
            #expect(ids.count == 8_192)
        }
    }

    @Test("a count out of range is invalid", arguments: [0, -1, 4_097, .max])
    func range(count: Int) async throws {
        let generator = IDGenerator(store: MemoryLeaseStore(numbers: 1), holder: "one", on: Self.io, logger: .quiet)
        let error = await #expect(throws: ServiceError.self) { try await generator.next(count) }
        #expect(error?.code == .invalid)
    }

    @Test("slept past its lease, while another took the number, it issues only under a new lease")
    func sleeper() async throws {
        let (store, time) = (MemoryLeaseStore(numbers: 2), Time(1_000_000))
        let sleeper = IDGenerator(store: store, holder: "sleeper", on: Self.io, logger: .quiet, now: { time.now })
        try await running([sleeper]) { _ in
            var issued = try await sleeper.next(100)
            time.now += 1_000_000
            let thief = try #require(try await store.take(holder: "thief", now: time.now, mark: time.now + 60_000))
            let other = try #require(try await store.take(holder: "other", now: time.now, mark: time.now + 500))
            for lease in [thief, other] {
                var sequence = IDSequence(generator: lease.number, first: lease.first, mark: lease.mark)
                issued += sequence.issue(100, at: time.now).ids
            }
            let error = await #expect(throws: ServiceError.self) { try await sleeper.next(1) }
            #expect(error?.code == .unavailable)
            time.now += 501
            issued += try await sleeper.next(100)
            #expect(issued.count == 400)
            #expect(Set(issued).count == 400)
        }
    }

    @Test("a clock set back by more than a second: refused, and not ready, until it has come again")
    func clockBehind() async throws {
        let (time, store) = (Time(1_000_000), MemoryLeaseStore(numbers: 1))
        let generator = IDGenerator(store: store, holder: "one", on: Self.io, logger: .quiet, now: { time.now })
        try await running([generator]) { _ in
            let before = try await generator.next(1)
            time.now -= 5_000
            let error = await #expect(throws: ServiceError.self) { try await generator.next(1) }
            #expect(error?.code == .unavailable)
            #expect(await generator.condition == .clockBehind(milliseconds: 5_000))
            time.now += 5_000
            #expect(try await generator.next(1)[0] > before[0])
        }
    }

    @Test("ids go on while the store is away, up to the mark, and come again with it")
    func storeAway() async throws {
        let (time, store) = (Time(1_000_000), FailingStore())
        let generator = IDGenerator(store: store, holder: "one", on: Self.io, logger: .quiet, now: { time.now })
        try await running([generator]) { _ in
            var issued = try await generator.next(1)
            store.isAway = true
            time.now += 59_000
            issued += try await generator.next(1)
            time.now += 2_000
            let error = await #expect(throws: ServiceError.self) { try await generator.next(1) }
            #expect(error?.code == .unavailable)
            #expect(error?.mayHaveHappened == false)
            store.isAway = false
            issued += try await generator.next(1)
            #expect(Set(issued).count == 3)
        }
    }

    /// Runs generators for as long as `body` takes, then stops them gracefully.
    private func running(_ generators: [IDGenerator], _ body: ([IDGenerator]) async throws -> Void) async throws {
        let group = ServiceGroup(services: generators, logger: .quiet)
        async let life: Void = group.run()
        do {
            for generator in generators { _ = try await eventually("a lease") { try? await generator.next(1) } }
            try await body(generators)
        } catch {
            await group.triggerGracefulShutdown()
            try await life
            throw error
        }
        await group.triggerGracefulShutdown()
        try await life
    }
}

extension Logger {
    fileprivate static var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}

private final class Time: Sendable {
    private let value: Mutex<Int64>
    init(_ start: Int64) { value = Mutex(start) }
    var now: Int64 {
        get { value.withLock { $0 } }
        set { value.withLock { $0 = newValue } }
    }
}

private final class FailingStore: LeaseStore {
    private struct Away: Error {}
    private let store = MemoryLeaseStore(numbers: 1)
    private let away = Mutex(false)
    var isAway: Bool {
        get { away.withLock { $0 } }
        set { away.withLock { $0 = newValue } }
    }
    func take(holder: String, now: Int64, mark: Int64) async throws -> GeneratorLease? {
        if isAway { throw Away() }
        return try await store.take(holder: holder, now: now, mark: mark)
    }
    func raise(_ lease: GeneratorLease, to mark: Int64) async throws -> Bool {
        if isAway { throw Away() }
        return try await store.raise(lease, to: mark)
    }
    func release(_ lease: GeneratorLease, at mark: Int64) async throws { try await store.release(lease, at: mark) }
}
