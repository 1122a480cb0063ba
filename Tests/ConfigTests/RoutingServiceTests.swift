import Bus
import Contracts
import Postgres
import PostgresTesting
import ServiceKit
import TestSupport
import Testing

@testable import Config

@Suite("Routing with two instances of config", .timeLimit(.minutes(5))) struct RoutingServiceTests {
    private static func members(_ count: Int) -> [ScriptedMember] { (1...count).map { ScriptedMember("messaging-\($0)") } }

    @Test("members share all partitions, and the routes name the owners")
    func share() async throws {
        try await RoutingWorld.with { world in
            let members = Self.members(3)
            try await world.settle(members)
            #expect(members.map(\.served.count) == [20, 20, 20])
            #expect(members.reduce(PartitionSet()) { $0.union($1.served) } == PartitionSet(0..<60))
            let routes = try await world.messaging.call(GetRoutes())
            #expect(routes.partitionCount == 60)
            #expect(routes.instances.map(\.name) == members.map(\.name))
            #expect(routes.instances.map(\.url) == members.map { "ws://\($0.name):8084/rt" })
            #expect(routes.instances.map(\.partitions) == members.map(\.served))
            #expect(routes.epoch >= members.map(\.epoch).max() ?? 0)
        }
    }

    @Test(
        "a joining member receives its share within the handover limit, a leaving one returns it, and no others move"
    )
    func joinAndLeave() async throws {
        try await RoutingWorld.with(limit: 4) { world in
            let members = Self.members(3)
            try await world.settle(Array(members.prefix(2)))
            let before = members.map(\.served)
            var most = 0
            try await world.run(members, until: "the third member has its share") {
                most = max(most, try await world.store.table(partitionCount: 60).handovers.count)
                return members[2].served.count == 20
            }
            #expect((1...4).contains(most))
            try await world.settle(members)
            for (old, now) in zip(before, members).prefix(2) { #expect(now.served.subtracting(old).isEmpty) }
            let kept = members[0].served
            members[2].leave()
            try await world.run(members, until: "the leaving member has no partitions") {
                members[2].served.isEmpty && members[2].bound.isEmpty
            }
            try await world.settle(Array(members.prefix(2)))
            #expect(kept.subtracting(members[0].served).isEmpty)
            #expect(try await world.store.routes().instances.map(\.name) == ["messaging-1", "messaging-2"])
        }
    }

    @Test("the next owner receives a partition only after the previous one reports no users of it")
    func previousOwnerKeepsClients() async throws {
        try await RoutingWorld.with { world in
            let members = Self.members(2)
            try await world.settle([members[0]])
            members[0].setKeepsClients(true)
            try await world.run(members, until: "handovers to the other member are committed") {
                try await world.store.table(partitionCount: 60).handovers.values.contains { $0.isCommitted }
            }
            for _ in 0..<20 { for member in members { try await member.sendHeartbeat(world.messaging) } }
            #expect(members[0].served.count == 60)
            #expect(members[1].served.isEmpty)
            members[0].setKeepsClients(false)
            try await world.settle(members)
        }
    }

    @Test("the partitions of a silent member are reassigned to the others")
    func death() async throws {
        try await RoutingWorld.with { world in
            let members = Self.members(3)
            try await world.settle(members)
            let before = members.map(\.served)
            try await world.settle(Array(members.prefix(2)))
            for (old, now) in zip(before, members).prefix(2) { #expect(old.subtracting(now.served).isEmpty) }
            #expect(try await world.store.leader().members == 2)
        }
    }

    @Test("a restarted process starts without partitions, and heartbeats of its earlier run are stale")
    func restarted() async throws {
        try await RoutingWorld.with { world in
            let (old, other) = (ScriptedMember("messaging-1"), ScriptedMember("messaging-2"))
            try await world.settle([old, other])
            let new = ScriptedMember("messaging-1")
            new.follow(try await world.messaging.call(new.heartbeat()))
            #expect(new.served.isEmpty)
            let error = await #expect(throws: ServiceError.self) { try await world.messaging.call(old.heartbeat()) }
            #expect(error?.code == .stale)
            try await world.settle([new, other])
        }
    }

    @Test("when the leader stops, the other instance leads, and no partition moves", arguments: [true, false])
    func leaderDies(isKilled: Bool) async throws {
        try await RoutingWorld.with { world in
            let members = Self.members(3)
            try await world.settle(members)
            let (leader, before) = (try await world.leader(), try await world.store.leader())
            if isKilled { await leader.kill() } else { try await leader.stop() }
            try await world.run(members, until: "the other instance leads") {
                let now = try await world.store.leader()
                return now.isLed && now.holder != leader.name
            }
            #expect(try await world.store.leader().term > before.term)
            #expect(try await world.store.leader().epoch == before.epoch)
            let served = members.map(\.served)
            for _ in 0..<20 { for member in members { try await member.sendHeartbeat(world.messaging) } }
            #expect(members.map(\.served) == served)
            try await world.settle(members + [ScriptedMember("messaging-4")])
        }
    }

    @Test("a member can send its heartbeats through the instance that does not lead")
    func follower() async throws {
        try await RoutingWorld.with { world in
            let leader = try await world.leader()
            let follower = try #require(world.instances.first { $0.name != leader.name })
            let member = ScriptedMember("messaging-1")
            try await eventually("every partition is served") {
                member.follow(try await follower.routing.service.heartbeat(member.heartbeat()))
                return member.served.count == 60 ? () : nil
            }
        }
    }

    /// Returns the service of `config-2` without Postgres. A leader heartbeat stays fresh for 5 minutes,
    /// because the test may take long to find Postgres unavailable.
    private static func cutOffService(_ world: RoutingWorld) -> RoutingService {
        let away = PostgresPool(TestDatabase.configuration(), on: RoutingWorld.io, logger: RoutingWorld.logger)
        let bus = world.instances[1].bus
        return RoutingService(
            heartbeats: HeartbeatStore(database: away), routesCache: RoutesCache(RoutingStore(database: away)),
            partitionCountGuard: world.instances[1].routing.service.partitionCountGuard, timing: RoutingWorld.timing,
            standstill: StandstillNotifier(world.instances[1].name, timing: LeaseTiming(lease: .seconds(600))) {
                try await bus.broadcast($0)
            },
            onReportChanged: {})
    }

    @Test("while an instance without Postgres refuses heartbeats, no member is declared dead; silent members are after that")
    func refusals() async throws {
        try await RoutingWorld.with { world in
            let (member, service) = (ScriptedMember("messaging-1"), Self.cutOffService(world))
            try await world.settle([member])
            let begin = try await world.database.one("SELECT clock_timestamp()", as: PostgresTimestamp.self)
            try await eventually("twice the silence after which it would be dead has passed") {
                let error = await #expect(throws: ServiceError.self) { try await service.heartbeat(member.heartbeat()) }
                #expect(error?.code == .unavailable)
                #expect(error?.cause == .standstill)
                let now = try await world.database.one("SELECT clock_timestamp()", as: PostgresTimestamp.self)
                let passed = Duration.milliseconds(now.millisecondsSinceEpoch - begin.millisecondsSinceEpoch)
                return passed > RoutingWorld.timing.silence * 2 ? () : nil
            }
            #expect(try await world.store.leader().members == 1)
            try await eventually("the member is declared dead") { try await world.store.leader().members == 0 ? () : nil }
        }
    }

    @Test("an instance without Postgres that receives leader heartbeats delays no death, and has members ask again")
    func cutBesideLeader() async throws {
        try await RoutingWorld.with { world in
            let (member, service) = (ScriptedMember("messaging-1"), Self.cutOffService(world))
            try await world.settle([member])
            try await eventually("the member is declared dead although it asks the cut-off instance") {
                service.standstill.received(RoutingPulse(instance: "config-1", isCut: false))
                let error = await #expect(throws: ServiceError.self) { try await service.heartbeat(member.heartbeat()) }
                #expect(error?.code == .unavailable)
                #expect(error?.cause == .elsewhere)
                return try await world.store.leader().members == 0 ? () : nil
            }
            // The leader is cut off as well: no partition is reassigned now.
            service.standstill.received(RoutingPulse(instance: "config-1", isCut: true))
            let error = await #expect(throws: ServiceError.self) { try await service.heartbeat(member.heartbeat()) }
            #expect(error?.cause == .standstill)
        }
    }

    @Test("an invalid heartbeat is rejected with its error code")
    func refused() async throws {
        try await RoutingWorld.with { world in
            let member = ScriptedMember("messaging-1")
            try await world.settle([member])
            func code(_ change: (inout Heartbeat) -> Void) async throws -> ServiceError.Code? {
                var heartbeat = member.heartbeat()
                change(&heartbeat)
                return await #expect(throws: ServiceError.self) { try await world.messaging.call(heartbeat) }?.code
            }
            try await member.sendHeartbeat(world.messaging)
            #expect(try await code { $0.partitionCount = 360 } == .conflict)
            #expect(try await code { $0.epoch -= 1 } == .stale)
            #expect(try await code { $0.epoch = -1 } == .invalid)
            #expect(try await code { $0.epoch = .max } == .invalid)
            #expect(try await code { $0.instance = "" } == .invalid)
            #expect(try await code { $0.incarnation = String(repeating: "x", count: 101) } == .invalid)
            #expect(try await code { $0.url = "http://x" } == .invalid)
            #expect(try await code { $0.url = "ws://\0" } == .invalid)
            #expect(try await code { $0.served = PartitionSet([60]) } == .invalid)
            #expect(try await code { $0.load.cpu = .nan } == .invalid)
        }
    }

    @Test("an instance that is configured with another number of partitions than the first start fails")
    func partitionCount() async throws {
        try await RoutingWorld.with { world in
            _ = try await world.leader()
            let partitionCountGuard = PartitionCountGuard(configured: 360)
            await #expect(throws: ConfigurationError.self) { try await partitionCountGuard.verify(with: world.store) }
            #expect(partitionCountGuard.count == nil)
        }
    }
}
