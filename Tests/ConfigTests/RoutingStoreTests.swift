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
            #expect(try await store.partitionCount(storing: 12) == 12)
            #expect(try await store.partitionCount(storing: 24) == 12)
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
        _ store: RoutingStore, term: Int64, dead: [MemberFailureDetector.HeartbeatCount] = [],
        _ change: (RoutingTable) -> RoutingTable
    ) async throws -> RoutingChange {
        let before = try await store.table(partitionCount: 12)
        let members = ["a", "b"].map { name in
            MemberReport(
                id: id(name), url: "ws://\(name)", epoch: 0, bound: PartitionSet(), served: PartitionSet(), isLeaving: false)
        }
        return RoutingChange(
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

    @Test("a written table is read back, and heartbeats and routes return each member's part of it")
    func roundTrip() async throws {
        try await Self.with { store, heartbeats in
            let term = try #require(try await store.acquire("config-1", for: .seconds(60)))
            try await store.write(try await Self.change(store, term: term) { _ in Self.table }, by: "config-1")
            #expect(try await store.table(partitionCount: 12) == Self.table)
            let answer = try #require(try await heartbeats.record(Self.heartbeat("a")))
            #expect(answer.epoch == 1)
            #expect(answer.bind == PartitionSet(Array(0..<6) + [9, 10, 11]))
            #expect(answer.serve == PartitionSet(0..<6))
            let other = try #require(try await heartbeats.record(Self.heartbeat("b", incarnation: "2")))
            #expect(other.bind.isEmpty && other.serve.isEmpty)
            #expect(
                try await store.routes()
                    == EncodedRoutes(
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

    @Test("a write by a former leader, or based on an earlier epoch, is rejected")
    func staleLeader() async throws {
        try await Self.with { store, _ in
            let first = try #require(try await store.acquire("config-1", for: .seconds(60)))
            #expect(try await store.acquire("config-2", for: .seconds(60)) == nil)
            let late = try await Self.change(store, term: first) { _ in Self.table }
            try await store.release("config-1", term: first)
            let second = try #require(try await store.acquire("config-2", for: .seconds(60)))
            #expect(second == first + 1)
            #expect(try await !store.renew("config-1", term: first, for: .seconds(60)))
            await #expect(throws: StaleLeaderError.self) { try await store.write(late, by: "config-1") }
            #expect(try await store.table(partitionCount: 12) == RoutingTable(partitionCount: 12))
            let change = try await Self.change(store, term: second) { _ in Self.table }
            try await store.write(change, by: "config-2")
            await #expect(throws: StaleLeaderError.self) { try await store.write(change, by: "config-2") }
            #expect(try await store.table(partitionCount: 12) == Self.table)
        }
    }

    @Test("a leader row with an impossibly long lease can be acquired: the server's clock was set back")
    func clockSetBack() async throws {
        try await Self.with { store, _ in
            _ = try await store.acquire("config-1", for: .seconds(3_600))
            #expect(try await store.acquire("config-2", for: .seconds(1_800)) == nil)
            #expect(try await store.acquire("config-2", for: .seconds(2)) == 2)
        }
    }

    @Test("a member with a further heartbeat is not deleted, and nothing of the change is written")
    func furtherHeartbeat() async throws {
        try await Self.with { store, heartbeats in
            let term = try #require(try await store.acquire("config-1", for: .seconds(60)))
            _ = try await heartbeats.record(Self.heartbeat("a"))
            _ = try await heartbeats.record(Self.heartbeat("b"))
            _ = try await heartbeats.record(Self.heartbeat("a"))
            let dead = [
                MemberFailureDetector.HeartbeatCount(id: Self.id("a"), count: 1),
                MemberFailureDetector.HeartbeatCount(id: Self.id("b"), count: 1),
            ]
            let change = try await Self.change(store, term: term, dead: dead) { _ in Self.table }
            await #expect(throws: StaleLeaderError.self) { try await store.write(change, by: "config-1") }
            #expect(try await store.table(partitionCount: 12).epoch == 0)
            #expect(try await store.members(known: [:]).count == 2)
        }
    }

    @Test("a heartbeat that races with the leader's decision about its sender returns that decision")
    func race() async throws {
        try await Self.with { store, heartbeats in
            let term = try #require(try await store.acquire("config-1", for: .seconds(60)))
            _ = try await heartbeats.record(Self.heartbeat("a"))
            try await store.write(try await Self.change(store, term: term) { _ in Self.table }, by: "config-1")
            let answer = try await store.database.transaction { transaction in
                _ = try await transaction.run(["DELETE FROM members", "DELETE FROM assignments"])
                let late = Task { try await heartbeats.record(Self.heartbeat("a")) }
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

    @Test("a report is returned once per version")
    func reportVersions() async throws {
        try await Self.with { store, heartbeats in
            #expect(try await heartbeats.record(Self.heartbeat("a"))?.reportChanged == true)
            let first = try #require(try await store.members(known: [:]).first)
            #expect(first.report?.url == "ws://a")
            #expect(try await heartbeats.record(Self.heartbeat("a"))?.reportChanged == false)
            let second = try #require(try await store.members(known: ["a": first.reportVersion]).first)
            #expect(second == MemberRow(instance: "a", heartbeats: 2, reportVersion: first.reportVersion, report: nil))
            #expect(try await heartbeats.record(Self.heartbeat("a", epoch: 7))?.reportChanged == true)
            #expect(try await store.members(known: ["a": first.reportVersion]).first?.report?.epoch == 7)
            #expect(try await heartbeats.record(Self.heartbeat("a", epoch: 6)) == nil)
        }
    }

    @Test("while Postgres is unavailable, heartbeats are refused as unavailable and the leader is notified")
    func away() async throws {
        let pool = PostgresPool(TestDatabase.configuration(), on: RoutingWorld.io, logger: RoutingWorld.logger)
        let notifications = ValueRecorder<Void>()
        let service = RoutingService(
            heartbeats: HeartbeatStore(database: pool), routesCache: RoutesCache(RoutingStore(database: pool)),
            partitionCountGuard: PartitionCountGuard(configured: 12), timing: LeaseTiming(),
            standstill: StandstillNotifier("config-1", timing: LeaseTiming()) { _ in notifications.add(()) }, onReportChanged: {})
        let error = await #expect(throws: ServiceError.self) { try await service.heartbeat(Self.heartbeat("a")) }
        #expect(error?.code == .unavailable)
        #expect(notifications.count == 1)
        await #expect(throws: PostgresError.self) { try await service.heartbeats.record(Self.heartbeat("a")) }
        #expect(await #expect(throws: ServiceError.self) { try await service.routes() }?.code == .unavailable)
    }
}
