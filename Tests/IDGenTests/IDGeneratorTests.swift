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

    @Test("several generators over one table never issue an id twice, and continue when one ends")
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
                            for count in [1, 100, 4_096] { group.addTask { try await generator.ids(count) } }
                        }
                        return try await group.reduce(into: []) { $0 += $1 }
                    }
                }
            }
            #expect(all.count == 2 * 4 * 4_197)
            #expect(Set(all).count == all.count)
        }
    }

    @Test("ids of a request ascend and are complete, across several milliseconds")
    func ascending() async throws {
        try await running([IDGenerator(store: MemoryLeaseStore(numbers: 1), holder: "one", on: Self.io, logger: .quiet)]) {
            generators in
            let ids = try await generators[0].ids(4_096) + generators[0].ids(4_096)
            #expect(zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 })
            #expect(ids.count == 8_192)
        }
    }

    @Test("a count out of range is invalid", arguments: [0, -1, 4_097, .max])
    func range(count: Int) async throws {
        let generator = IDGenerator(store: MemoryLeaseStore(numbers: 1), holder: "one", on: Self.io, logger: .quiet)
        let error = await #expect(throws: ServiceError.self) { try await generator.ids(count) }
        #expect(error?.code == .invalid)
    }

    @Test("after sleeping past its lease, a generator issues ids only under a new lease")
    func sleeper() async throws {
        let (store, time) = (MemoryLeaseStore(numbers: 2), Time(1_000_000))
        let sleeper = IDGenerator(store: store, holder: "sleeper", on: Self.io, logger: .quiet, now: { time.now })
        try await running([sleeper]) { _ in
            var issued = try await sleeper.ids(100)
            time.now += 1_000_000
            let thief = try #require(try await store.acquire(holder: "thief", now: time.now, mark: time.now + 60_000))
            let other = try #require(try await store.acquire(holder: "other", now: time.now, mark: time.now + 500))
            for lease in [thief, other] {
                var sequence = IDSequence(generator: lease.number, first: lease.first, mark: lease.mark)
                issued += sequence.issue(100, at: time.now).ids
            }
            let error = await #expect(throws: ServiceError.self) { try await sleeper.ids(1) }
            #expect(error?.code == .unavailable)
            time.now += 501
            issued += try await sleeper.ids(100)
            #expect(issued.count == 400)
            #expect(Set(issued).count == 400)
        }
    }

    @Test("a request backlog is served completely, one whole batch after the other")
    func demandAtCapacity() async throws {
        try await running([IDGenerator(store: MemoryLeaseStore(numbers: 1), holder: "one", on: Self.io, logger: .quiet)]) {
            generators in
            let batches = try await withThrowingTaskGroup { group in
                for _ in 0..<64 { group.addTask { try await generators[0].ids(4_096) } }
                return try await group.reduce(into: [[Int64]]()) { $0.append($1) }
            }.sorted { $0[0] < $1[0] }
            #expect(batches.map(\.count) == Array(repeating: 4_096, count: 64))
            #expect(batches.allSatisfy { zip($0, $0.dropFirst()).allSatisfy { $0 < $1 } })
            #expect(zip(batches, batches.dropFirst()).allSatisfy { $0[4_095] < $1[0] })
        }
    }

    @Test("a cancelled request leaves the queue at once, and later requests are served")
    func cancelled() async throws {
        let (time, timers) = (Time(1_000_000), Timers())
        let generator = IDGenerator(
            store: MemoryLeaseStore(numbers: 1), holder: "one", on: Self.io, logger: .quiet, now: { time.now }, after: timers.set)
        try await running([generator]) { _ in
            for _ in 0..<10 { _ = try await generator.ids(4_096) }
            let leaving = Task { try await generator.ids(4_096) }
            try await eventually("one waits") { await generator.waiting == 1 ? () : nil }
            let staying = Task { try await generator.ids(4_096) }
            try await eventually("two wait") { await generator.waiting == 2 ? () : nil }
            leaving.cancel()
            await #expect(throws: CancellationError.self) { try await leaving.value }
            time.now += 2
            await timers.fire(on: Self.io)
            #expect(try await staying.value.count == 4_096)
        }
    }

    @Test("when a number is lost in the middle of a batch, the whole batch comes from the next number")
    func lostInTheMiddle() async throws {
        let (time, store) = (Time(1_000_000), MemoryLeaseStore(numbers: 2))
        let terms = LeaseTerms(ahead: 1, renewBelow: 5)
        let generator = IDGenerator(store: store, holder: "one", terms: terms, on: Self.io, logger: .quiet, now: { time.now })
        try await running([generator]) { _ in
            let before = try await generator.ids(4_000)
            let rested = try #require(try await store.acquire(holder: "thief", now: time.now, mark: time.now + 5))
            _ = try #require(try await store.acquire(holder: "thief", now: time.now + 1, mark: time.now + 9_000))
            try await store.release(rested, at: 0)
            let after = try await generator.ids(200)
            #expect(after.count == 200)
            #expect(Set((before + after).map { $0 >> 12 & 1_023 }).count == 2)
            #expect(Set(after.map { $0 >> 12 & 1_023 }).count == 1)
        }
    }

    @Test("a clock set back by a second or less is bridged by waiting")
    func clockBackALittle() async throws {
        let (time, timers) = (Time(1_000_000), Timers())
        let generator = IDGenerator(
            store: MemoryLeaseStore(numbers: 1), holder: "one", on: Self.io, logger: .quiet, now: { time.now }, after: timers.set)
        try await running([generator]) { _ in
            let before = try await generator.ids(1)
            time.now -= 1_000
            let waiting = Task { try await generator.ids(1) }
            try await eventually("it waits") { timers.requested.isEmpty ? nil : () }
            #expect(timers.requested == [.milliseconds(990)])
            #expect(await generator.condition == .issuing(generator: 0))
            time.now += 990
            await timers.fire(on: Self.io)
            #expect(try await waiting.value[0] > before[0])
        }
    }

    @Test("with a clock past the last time of an id, requests are refused and the service is not ready")
    func tooLate() async throws {
        let time = Time(1_000_000)
        let generator = IDGenerator(
            store: MemoryLeaseStore(numbers: 1), holder: "one", on: Self.io, logger: .quiet, now: { time.now })
        try await running([generator]) { _ in
            time.now = 1 << 41
            let error = await #expect(throws: ServiceError.self) { try await generator.ids(1) }
            #expect(error?.code == .unavailable)
            #expect(await generator.condition == .noLease("the clock is past the last time that an id can hold"))
        }
    }

    @Test("with a clock set back by more than a second, requests are refused until it has caught up")
    func clockBehind() async throws {
        let (time, store) = (Time(1_000_000), MemoryLeaseStore(numbers: 1))
        let generator = IDGenerator(store: store, holder: "one", on: Self.io, logger: .quiet, now: { time.now })
        try await running([generator]) { _ in
            let before = try await generator.ids(1)
            time.now -= 5_000
            let error = await #expect(throws: ServiceError.self) { try await generator.ids(1) }
            #expect(error?.code == .unavailable)
            #expect(await generator.condition == .clockBehind(milliseconds: 5_000))
            time.now += 5_000
            #expect(try await generator.ids(1)[0] > before[0])
        }
    }

    @Test("while the store is away, ids are issued up to the mark, and again after it returns")
    func storeAway() async throws {
        let (time, store) = (Time(1_000_000), FailingStore())
        let generator = IDGenerator(store: store, holder: "one", on: Self.io, logger: .quiet, now: { time.now })
        try await running([generator]) { _ in
            var issued = try await generator.ids(1)
            store.isAway = true
            time.now += 59_000
            issued += try await generator.ids(1)
            time.now += 2_000
            let error = await #expect(throws: ServiceError.self) { try await generator.ids(1) }
            #expect(error?.code == .unavailable)
            #expect(error?.mayHaveHappened == false)
            #expect(error?.message == "no ids are available now; try again")
            #expect(await generator.condition == .noLease("the lease could not be renewed in Postgres"))
            store.isAway = false
            issued += try await generator.ids(1)
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

extension IDGenerator {
    fileprivate func ids(_ count: Int) async throws -> [Int64] { try await next(count).flatMap(\.ids).map(\.rawValue) }
}

/// Timers that fire when the test says so.
private final class Timers: Sendable {
    private let bodies = Mutex<[(Duration, @Sendable () -> Void)]>([])
    var requested: [Duration] { bodies.withLock { $0.map(\.0) } }
    var set: IDGenerator.Timer { { duration, body in self.bodies.withLock { $0.append((duration, body)) } } }

    func fire(on io: IOThread) async {
        let due = bodies.withLock { bodies in
            defer { bodies = [] }
            return bodies.map(\.1)
        }
        await withCheckedContinuation { done in
            io.post {
                for body in due { body() }
                done.resume()
            }
        }
    }
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
    func acquire(holder: String, now: Int64, mark: Int64) async throws -> GeneratorLease? {
        if isAway { throw Away() }
        return try await store.acquire(holder: holder, now: now, mark: mark)
    }
    func renew(_ lease: GeneratorLease, to mark: Int64) async throws -> Bool {
        if isAway { throw Away() }
        return try await store.renew(lease, to: mark)
    }
    func release(_ lease: GeneratorLease, at mark: Int64) async throws { try await store.release(lease, at: mark) }
}
