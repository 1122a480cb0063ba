import Bus
import Contracts
import Postgres
import PostgresTesting
import ServiceKit
import TestSupport
import Testing

@testable import Config

@Suite("Routing, two instances of config", .timeLimit(.minutes(5))) struct RoutingServiceTests {
    private static func members(_ count: Int) -> [ActedMember] { (1...count).map { ActedMember("messaging-\($0)") } }

    @Test("members share all partitions, and the routes say who has which")
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
        "whoever joins gets its share, at most so many at once, and no others move; who leaves gives it back and is no member then"
    )
    func joinAndLeave() async throws {
        try await RoutingWorld.with(limit: 4) { world in
            let members = Self.members(3)
            try await world.settle(Array(members.prefix(2)))
            let before = members.map(\.served)
            var most = 0
            try await world.live(members, until: "the third has its share") {
                most = max(most, try await world.store.table(partitionCount: 60).handovers.count)
                return members[2].served.count == 20
            }
            #expect((1...4).contains(most))
            try await world.settle(members)
            for (old, now) in zip(before, members).prefix(2) { #expect(now.served.subtracting(old).isEmpty) }
            let kept = members[0].served
            members[2].leave()
            try await world.live(members, until: "it has nothing any more") {
                members[2].served.isEmpty && members[2].bound.isEmpty
            }
            try await world.settle(Array(members.prefix(2)))
            #expect(kept.subtracting(members[0].served).isEmpty)
            #expect(try await world.store.routes().instances.map(\.name) == ["messaging-1", "messaging-2"])
        }
    }

    @Test("a partition is given to the next one only after the one before has said that it has nobody of it left")
    func stubborn() async throws {
        try await RoutingWorld.with { world in
            let members = Self.members(2)
            try await world.settle([members[0]])
            members[0].setStubborn(true)
            try await world.live(members, until: "the other is to bind some, and the routes lead to it") {
                try await world.store.table(partitionCount: 60).handovers.values.contains { $0.isCommitted }
            }
            for _ in 0..<20 { for member in members { try await member.beat(world.messaging) } }
            #expect(members[0].served.count == 60)
            #expect(members[1].served.isEmpty)
            members[0].setStubborn(false)
            try await world.settle(members)
        }
    }

    @Test("a member falls silent: the others have its partitions")
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

    @Test("a process of the same name is started anew: it has nothing, and what still comes of the one before is refused")
    func restarted() async throws {
        try await RoutingWorld.with { world in
            let (old, other) = (ActedMember("messaging-1"), ActedMember("messaging-2"))
            try await world.settle([old, other])
            let new = ActedMember("messaging-1")
            new.follow(try await world.messaging.call(new.heartbeat()))
            #expect(new.served.isEmpty)
            let error = await #expect(throws: ServiceError.self) { try await world.messaging.call(old.heartbeat()) }
            #expect(error?.code == .stale)
            try await world.settle([new, other])
        }
    }

    @Test("the leader dies: the other leads, and what nobody needs to move stays", arguments: [true, false])
    func leaderDies(isKilled: Bool) async throws {
        try await RoutingWorld.with { world in
            let members = Self.members(3)
            try await world.settle(members)
            let (leader, before) = (try await world.leader(), try await world.store.leader())
            if isKilled { await leader.kill() } else { try await leader.stop() }
            try await world.live(members, until: "another one leads") {
                let now = try await world.store.leader()
                return now.isLed && now.holder != leader.name
            }
            #expect(try await world.store.leader().term > before.term)
            #expect(try await world.store.leader().epoch == before.epoch)
            let served = members.map(\.served)
            for _ in 0..<20 { for member in members { try await member.beat(world.messaging) } }
            #expect(members.map(\.served) == served)
            try await world.settle(members + [ActedMember("messaging-4")])
        }
    }

    @Test("a member is told by notice, and looked after through the instance that does not lead, too")
    func notice() async throws {
        try await RoutingWorld.with { world in
            let leader = try await world.leader()
            let follower = try #require(world.instances.first { $0.name != leader.name })
            let member = ActedMember("messaging-1")
            try await eventually("all is served") {
                member.follow(try await follower.routing.desk.heartbeat(member.heartbeat()))
                return member.served.count == 60 ? () : nil
            }
        }
    }

    /// What `config-2` does once it is without Postgres. A pulse counts for five minutes: it may take its time here to find out that Postgres is away.
    private static func cutDesk(_ world: RoutingWorld) -> RoutingDesk {
        let away = PostgresPool(TestDatabase.configuration(), on: RoutingWorld.io, logger: RoutingWorld.logger)
        let bus = world.instances[1].bus
        return RoutingDesk(
            heartbeats: HeartbeatStore(database: away), known: KnownRoutes(RoutingStore(database: away)),
            partitions: world.instances[1].routing.desk.partitions, terms: RoutingWorld.terms,
            alarm: Alarm(world.instances[1].name, terms: LeaseTerms(lease: .seconds(600))) { try await bus.broadcast($0) },
            onNews: {})
    }

    @Test("while an instance without Postgres refuses heartbeats, nobody is taken for dead; after that, the silent are")
    func refusals() async throws {
        try await RoutingWorld.with { world in
            let (member, desk) = (ActedMember("messaging-1"), Self.cutDesk(world))
            try await world.settle([member])
            let begin = try await world.database.one("SELECT clock_timestamp()", as: PostgresTimestamp.self)
            try await eventually("twice the time after which it would be dead") {
                let error = await #expect(throws: ServiceError.self) { try await desk.heartbeat(member.heartbeat()) }
                #expect(error?.code == .unavailable)
                #expect(error?.cause == .standstill)
                let now = try await world.database.one("SELECT clock_timestamp()", as: PostgresTimestamp.self)
                let passed = Duration.milliseconds(now.millisecondsSinceEpoch - begin.millisecondsSinceEpoch)
                return passed > RoutingWorld.terms.silence * 2 ? () : nil
            }
            #expect(try await world.store.leader().members == 1)
            try await eventually("it is taken for dead") { try await world.store.leader().members == 0 ? () : nil }
        }
    }

    @Test("an instance without Postgres that hears the leader's pulse holds up nobody's death, and has members ask again")
    func cutBesideLeader() async throws {
        try await RoutingWorld.with { world in
            let (member, desk) = (ActedMember("messaging-1"), Self.cutDesk(world))
            try await world.settle([member])
            try await eventually("it is taken for dead, however often it asks here") {
                desk.alarm.heard(RoutingPulse(instance: "config-1", isCut: false))
                let error = await #expect(throws: ServiceError.self) { try await desk.heartbeat(member.heartbeat()) }
                #expect(error?.code == .unavailable)
                #expect(error?.cause == .elsewhere)
                return try await world.store.leader().members == 0 ? () : nil
            }
            // The leader is cut as well: now nothing is decided.
            desk.alarm.heard(RoutingPulse(instance: "config-1", isCut: true))
            let error = await #expect(throws: ServiceError.self) { try await desk.heartbeat(member.heartbeat()) }
            #expect(error?.cause == .standstill)
        }
    }

    @Test("wrong heartbeats are refused, each with its reason")
    func refused() async throws {
        try await RoutingWorld.with { world in
            let member = ActedMember("messaging-1")
            try await world.settle([member])
            func code(_ change: (inout Heartbeat) -> Void) async throws -> ServiceError.Code? {
                var heartbeat = member.heartbeat()
                change(&heartbeat)
                return await #expect(throws: ServiceError.self) { try await world.messaging.call(heartbeat) }?.code
            }
            try await member.beat(world.messaging)
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

    @Test("the number of partitions is that of the first start; an instance that was started with another ends")
    func partitionCount() async throws {
        try await RoutingWorld.with { world in
            _ = try await world.leader()
            let desk = PartitionCountDesk(wanted: 360)
            await #expect(throws: ConfigurationError.self) { try await desk.settle(with: world.store) }
            #expect(desk.count == nil)
        }
    }
}
