import Contracts
import Postgres
import PostgresTesting
import TestSupport
import Testing

@testable import Config

@Suite("Routing in Postgres", .timeLimit(.minutes(5))) struct RoutingStoreTests {
    private static func with(_ body: (RoutingStore, HeartbeatStore) async throws -> Void) async throws {
        try await TestDatabase.migrated(try ConfigMigrations.all(), on: RoutingWorld.io) { database in
            let store = RoutingStore(database: database)
            #expect(try await store.partitionCount(atFirst: 12) == 12)
            #expect(try await store.partitionCount(atFirst: 24) == 12)
            try await body(store, HeartbeatStore(database: database))
        }
    }

    private static func id(_ name: String) -> MemberID { .init(instance: name, incarnation: "1") }

    private static func heartbeat(_ name: String, epoch: Int64 = 0, incarnation: String = "1") -> Heartbeat {
        Heartbeat(
            instance: name, incarnation: incarnation, url: "ws://\(name)", partitionCount: 12, epoch: epoch,
            bound: PartitionSet(),
            served: PartitionSet(), load: .init(connections: 0, cpu: 0, outboundBytes: 0))
    }

    private static func change(
        _ store: RoutingStore, term: Int64, dead: [MemberWatch.Pulse] = [], _ change: (RoutingTable) -> RoutingTable
    ) async throws -> LeaderState.Change {
        let before = try await store.table(partitionCount: 12)
        let members = ["a", "b"].map { name in
            MemberReport(
                id: id(name), url: "ws://\(name)", epoch: 0, bound: PartitionSet(), served: PartitionSet(), isLeaving: false)
        }
        return LeaderState.Change(
            term: term, before: before, after: change(before), dead: dead,
            members: Dictionary(uniqueKeysWithValues: members.map { ($0.id, $0) }))
    }

    private static let table = RoutingTable(
        partitionCount: 12, epoch: 1, granted: [id("a"): PartitionSet(0..<6), id("b"): PartitionSet(6..<9)],
        handovers: [
            0: .init(previous: id("a"), next: id("b"), since: 1, step: .prepared),
            9: .init(previous: id("a"), next: id("b"), since: 1, step: .committed(at: 1)),
            10: .init(previous: id("a"), next: id("b"), since: 1, step: .committed(at: 1)),
            11: .init(previous: nil, next: id("a"), since: 1, step: .committed(at: 1)),
        ])

    @Test("what is written is read again, and members and others are told their part of it")
    func roundTrip() async throws {
        try await Self.with { store, heartbeats in
            let term = try #require(try await store.take("config-1", for: .seconds(60)))
            try await store.write(try await Self.change(store, term: term) { _ in Self.table }, by: "config-1")
            #expect(try await store.table(partitionCount: 12) == Self.table)
            let answer = try #require(try await heartbeats.beat(Self.heartbeat("a")))
            #expect(answer.epoch == 1)
            #expect(answer.bind == PartitionSet(Array(0..<6) + [9, 10, 11]))
            #expect(answer.serve == PartitionSet(0..<6))
            let other = try #require(try await heartbeats.beat(Self.heartbeat("b", incarnation: "2")))
            #expect(other.bind.isEmpty && other.serve.isEmpty)
            #expect(
                try await store.routes()
                    == WrittenRoutes(
                        epoch: 1, partitionCount: 12,
                        instances: [
                            .init(name: "a", url: "ws://a", partitions: "0-5,11"),
                            .init(name: "b", url: "ws://b", partitions: "6-10"),
                        ]))
            let next = RoutingTable(partitionCount: 12, epoch: 2, granted: [Self.id("b"): PartitionSet(0..<12)])
            try await store.write(try await Self.change(store, term: term) { _ in next }, by: "config-1")
            #expect(try await store.table(partitionCount: 12) == next)
            #expect(try await store.routes().instances.map(\.name) == ["b"])
        }
    }

    @Test("what a leader writes after another one has taken over is refused, and so is what it makes of an older assignment")
    func staleLeader() async throws {
        try await Self.with { store, _ in
            let first = try #require(try await store.take("config-1", for: .seconds(60)))
            #expect(try await store.take("config-2", for: .seconds(60)) == nil)
            let late = try await Self.change(store, term: first) { _ in Self.table }
            try await store.release("config-1", term: first)
            let second = try #require(try await store.take("config-2", for: .seconds(60)))
            #expect(second == first + 1)
            #expect(try await !store.renew("config-1", term: first, for: .seconds(60)))
            await #expect(throws: RoutingStore.Outdated.self) { try await store.write(late, by: "config-1") }
            #expect(try await store.table(partitionCount: 12) == RoutingTable(partitionCount: 12))
            let change = try await Self.change(store, term: second) { _ in Self.table }
            try await store.write(change, by: "config-2")
            await #expect(throws: RoutingStore.Outdated.self) { try await store.write(change, by: "config-2") }
            #expect(try await store.table(partitionCount: 12) == Self.table)
        }
    }

    @Test("a row that is held for longer than anybody may hold it is taken: the server's clock was set back")
    func clockSetBack() async throws {
        try await Self.with { store, _ in
            _ = try await store.take("config-1", for: .seconds(3_600))
            #expect(try await store.take("config-2", for: .seconds(1_800)) == nil)
            #expect(try await store.take("config-2", for: .seconds(2)) == 2)
        }
    }

    @Test("who has beaten since is not forgotten, and nothing of the change is written")
    func aliveAfterAll() async throws {
        try await Self.with { store, heartbeats in
            let term = try #require(try await store.take("config-1", for: .seconds(60)))
            _ = try await heartbeats.beat(Self.heartbeat("a"))
            _ = try await heartbeats.beat(Self.heartbeat("b"))
            _ = try await heartbeats.beat(Self.heartbeat("a"))
            let dead = [MemberWatch.Pulse(id: Self.id("a"), beats: 1), MemberWatch.Pulse(id: Self.id("b"), beats: 1)]
            let change = try await Self.change(store, term: term, dead: dead) { _ in Self.table }
            await #expect(throws: RoutingStore.Outdated.self) { try await store.write(change, by: "config-1") }
            #expect(try await store.table(partitionCount: 12).epoch == 0)
            #expect(try await store.sightings(known: [:]).count == 2)
        }
    }

    @Test("a heartbeat that meets the leader's decision over its sender is answered by what was decided")
    func meeting() async throws {
        try await Self.with { store, heartbeats in
            let term = try #require(try await store.take("config-1", for: .seconds(60)))
            _ = try await heartbeats.beat(Self.heartbeat("a"))
            try await store.write(try await Self.change(store, term: term) { _ in Self.table }, by: "config-1")
            let answer = try await store.database.transaction { transaction in
                _ = try await transaction.run(["DELETE FROM members", "DELETE FROM assignments"])
                let late = Task { try await heartbeats.beat(Self.heartbeat("a")) }
                try await eventually("the heartbeat waits for the row") {
                    let waiting = try await transaction.one(
                        "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))",
                        as: Int.self)
                    return waiting > 0 ? () : nil
                }
                try await transaction.commit(["UPDATE routing SET epoch = 2"])
                return try await late.value
            }
            #expect(answer?.epoch == 2)
            #expect(answer?.serve == PartitionSet())
        }
    }

    @Test("what a member said is told once, until it says something else")
    func news() async throws {
        try await Self.with { store, heartbeats in
            #expect(try await heartbeats.beat(Self.heartbeat("a"))?.isNews == true)
            let first = try #require(try await store.sightings(known: [:]).first)
            #expect(first.member?.url == "ws://a")
            #expect(try await heartbeats.beat(Self.heartbeat("a"))?.isNews == false)
            let second = try #require(try await store.sightings(known: ["a": first.news]).first)
            #expect(second == LeaderState.Sighting(instance: "a", beats: 2, news: first.news, member: nil))
            #expect(try await heartbeats.beat(Self.heartbeat("a", epoch: 7))?.isNews == true)
            #expect(try await store.sightings(known: ["a": first.news]).first?.member?.epoch == 7)
            #expect(try await heartbeats.beat(Self.heartbeat("a", epoch: 6)) == nil)
        }
    }

    @Test("while Postgres is away, members are told to ask again")
    func away() async throws {
        let pool = PostgresPool(TestDatabase.configuration(), on: RoutingWorld.io, logger: RoutingWorld.logger)
        let alarms = Seen<Void>()
        let desk = RoutingDesk(
            heartbeats: HeartbeatStore(database: pool), known: KnownRoutes(RoutingStore(database: pool)),
            partitions: PartitionCountDesk(wanted: 12), terms: LeaseTerms(),
            alarm: Alarm("config-1", terms: LeaseTerms()) { _ in alarms.add(()) }, onNews: {})
        let error = await #expect(throws: ServiceError.self) { try await desk.heartbeat(Self.heartbeat("a")) }
        #expect(error?.code == .unavailable)
        #expect(alarms.count == 1)
        await #expect(throws: PostgresError.self) { try await desk.heartbeats.beat(Self.heartbeat("a")) }
        #expect(await #expect(throws: ServiceError.self) { try await desk.routes() }?.code == .unavailable)
    }
}
