import AMQP
import Bus
import BusTesting
import CBOR
import Contracts
import Foundation
import Reactor
import Synchronization
import TestSupport
import Testing

@testable import Realtime

@Suite("Deliveries over the broker", .timeLimit(.minutes(3))) struct DeliveryTests {
    @Test("told once for all partitions, it comes once to every instance that has any of them")
    func oncePerQueue() async throws {
        try await TestBroker.with { broker in
            let (one, two, three) = (Heard(), Heard(), Heard())
            let users = (1...1_000).map { UserID(rawValue: $0) }
            try await broker.messaging(1, one) { _ in
                try await broker.messaging(2, two) { _ in
                    try await broker.messaging(3, three) { _ in
                        try await one.feed.bind(PartitionSet(0..<180))
                        try await two.feed.bind(PartitionSet(180..<360))
                        // One that lags behind, and still has some of another's.
                        try await three.feed.bind(PartitionSet(170..<190))
                        try await broker.publisher(of: .chats) { _, chats in
                            let delivery = Delivery(items: [Delivery.Item(recipients: users, frame: #"{"type":"a"}"#)])
                            for _ in 0..<10 { try await chats.deliver(delivery) }
                            for heard in [one, two, three] {
                                try await eventually("ten") { heard.all.count == 10 ? () : nil }
                                #expect(heard.all.allSatisfy { $0 == delivery })
                                #expect(Set(heard.senders.all) == [.chats])
                            }
                            try await broker.nothingIsLeft()
                            #expect([one, two, three].map(\.all.count) == [10, 10, 10])
                        }
                    }
                }
            }
        }
    }

    @Test("a delivery to recipients without a connection succeeds")
    func noConnections() async throws {
        try await TestBroker.with { broker in
            let delivery = Delivery(items: [Delivery.Item(recipients: [UserID(rawValue: 1)], frame: "{}")])
            try await broker.publisher(of: .users) { _, users in try await users.deliver(delivery) }
        }
    }

    @Test("a service whose deliveries are not accepted cannot make a publisher")
    func unauthorized() async {
        await #expect(processExitsWith: .failure) {
            let endpoint = AMQPEndpoint(host: "", port: 0, vhost: "", user: "", password: "", connectionName: "test")
            let configuration = BusConfiguration(service: .bff, instance: "bff-1", endpoint: endpoint)
            _ = DeliveryPublisher(Bus(configuration, on: TestBroker.io, logger: TestBroker.logger))
        }
    }

    @Test("partitions come and go while it runs, and what is wanted survives the connection")
    func rebinding() async throws {
        try await TestBroker.with { broker in
            let heard = Heard()
            try await broker.messaging(1, heard) { _ in
                try await broker.publisher(of: .chats) { _, chats in
                    let (low, high) = (Self.user(in: 0..<180), Self.user(in: 180..<360))
                    func tell(_ frame: String, _ user: UserID) async throws {
                        try await chats.deliver(Delivery(items: [.init(recipients: [user], frame: frame)]))
                    }
                    chats.use(RoutesHint(Self.routes(1, [PartitionSet(0..<360)])))
                    try await tell("too early", low)
                    try await heard.feed.bind(PartitionSet(0..<180))
                    try await tell("1", low)
                    try await tell("not mine", high)
                    try await heard.feed.bind(PartitionSet(180..<360))
                    try await heard.feed.unbind(PartitionSet(0..<180))
                    try await tell("not mine any more", low)
                    try await tell("2", high)
                    try await eventually("two") { heard.frames == ["1", "2"] ? () : nil }
                    try await broker.closeConnections(named: "messaging-1 deliveries")
                    try await eventually("a new start") { heard.states.all == ["start", "lost", "start"] ? () : nil }
                    try await tell("still not mine", low)
                    try await tell("3", high)
                    try await eventually("three") { heard.frames == ["1", "2", "3"] ? () : nil }
                }
            }
        }
    }

    @Test("what is asked for while not connected is said to be undone, and is done with the next start")
    func bindingAway() async throws {
        let heard = Heard()
        let wanted = PartitionSet(0..<360)
        await #expect(throws: ServiceError.self) { try await heard.feed.bind(wanted) }
        try await TestBroker.with { broker in
            try await broker.messaging(1, heard) { _ in
                try await broker.publisher(of: .chats) { _, chats in
                    try await chats.deliver(Delivery(items: [.init(recipients: [UserID(rawValue: 1)], frame: "1")]))
                    try await eventually("it") { heard.frames == ["1"] ? () : nil }
                }
            }
        }
    }

    @Test("only chats, users and messaging are heard; what nobody can read counts as lost")
    func forged() async throws {
        try await TestBroker.with { broker in
            let heard = Heard()
            try await broker.messaging(1, heard) { messaging in
                try await heard.feed.bind(PartitionSet([0]))
                let delivery = Delivery(items: [.init(recipients: [UserID(rawValue: 1)], frame: "forged")])
                let body = try CBOREncoder.contracts.encode(delivery)
                for sender in ["bff", "config", nil] { try await broker.raw { try $0.publish(.delivery(body, as: sender)) } }
                try await broker.raw { try $0.publish(.delivery([0xFF], as: "bff")) }
                try await broker.raw { try $0.publish(.delivery(body, as: "messaging")) }
                try await eventually("the one") { heard.frames == ["forged"] ? () : nil }
                #expect(heard.senders.all == [.messaging] && heard.states.all == ["start"])
                try await broker.raw { try $0.publish(.delivery([0xFF], as: "chats")) }
                try await eventually("a loss") { heard.states.all == ["start", "lost", "start"] ? () : nil }
            }
        }
    }

    @Test("until the routes are known nobody knows how many partitions there are, and what is told comes to every instance")
    func withoutRoutes() async throws {
        try await TestBroker.with { broker in
            let heard = Heard()
            try await broker.messaging(1, heard) { _ in
                // A partition that there is only where there are more.
                let users = (1...Int64(10_000)).lazy.map { UserID(rawValue: $0) }
                let user = try #require(users.first { Partitioning.partition(of: $0, count: 2_400) >= 360 })
                try await heard.feed.bind(PartitionSet([Partitioning.partition(of: user, count: 2_400)]))
                try await broker.publisher(of: .chats) { _, chats in
                    try await chats.deliver(Delivery(items: [.init(recipients: [user], frame: "1")]))
                    try await eventually("it") { heard.frames == ["1"] ? () : nil }
                }
            }
        }
    }

    @Test("what is out of date is not shown")
    func lifetime() async throws {
        try await TestBroker.with { broker in
            let heard = Heard()
            try await broker.messaging(1, heard) { _ in
                try await heard.feed.bind(PartitionSet(0..<360))
                try await broker.publisher(of: .chats) { _, chats in
                    func item(_ frame: String) -> Delivery {
                        Delivery(items: [.init(recipients: [UserID(rawValue: 1)], frame: frame)])
                    }
                    try await chats.deliver(item("over"), lifetime: .seconds(-1))
                    try await chats.deliver(item("in time"), lifetime: .seconds(600))
                    chats.deliverOnce(item("now"))
                    try await eventually("both") { heard.frames == ["in time", "now"] ? () : nil }
                }
            }
        }
    }

    @Test("an instance that takes nothing loses the oldest and learns of it; nobody waits for it")
    func tooSlow() async throws {
        try await TestBroker.with { broker in
            // On a thread of its own, which is held up.
            let (io, goOn) = (IOThread(name: "slow"), DispatchSemaphore(value: 0))
            let (slow, quick) = (Heard(maximumBytes: 20_000, stopsAtFirst: goOn), Heard())
            try await broker.messaging(1, slow, on: io) { _ in
                try await broker.messaging(2, quick) { _ in
                    for heard in [slow, quick] { try await heard.feed.bind(PartitionSet(0..<360)) }
                    try await broker.publisher(of: .chats) { _, chats in
                        func item(_ frame: String) -> Delivery {
                            Delivery(items: [.init(recipients: [UserID(rawValue: 1)], frame: frame)])
                        }
                        // Fills what lies between the broker and the process, and then the queue.
                        let text = String(repeating: "x", count: 200_000)
                        let (large, small) = ((0..<80).map { "\($0) \(text)" }, (0..<2_000).map { "\($0)" })
                        for frame in large { try await chats.deliver(item(frame)) }
                        // Before the broker takes the silent one for dead.
                        for frame in small { chats.deliverOnce(item(frame)) }
                        let frames = large + small
                        try await eventually("all") { quick.all.count == frames.count ? () : nil }
                        #expect(quick.frames == frames && quick.states.all == ["start"])
                        goOn.signal()
                        try await eventually("the last") { slow.frames.last == frames.last ? () : nil }
                        try await eventually("the loss") { slow.states.all.contains("lost") ? () : nil }
                        let got = slow.frames
                        #expect(got.count < frames.count && Set(got).count == got.count)
                        #expect(slow.states.all.last == "start")
                    }
                }
            }
        }
    }

    @Test("with routes, a delivery for many goes to all by one key, and a large one is divided; out of date, they lose nothing")
    func routes() async throws {
        try await TestBroker.with { broker in
            let (one, two) = (Heard(), Heard())
            let (low, high, all) = (PartitionSet(0..<180), PartitionSet(180..<360), PartitionSet(0..<360))
            let routes = Mutex(Self.routes(1, [low, high]))
            let users = (1...200).map { UserID(rawValue: $0) }
            let frame = String(repeating: "x", count: DeliveryParts.bytesForAll / 2)
            let delivery = Delivery(items: [Delivery.Item(recipients: users, frame: frame)])
            let small = Delivery(items: [Delivery.Item(recipients: users, frame: "small")])
            func told(_ heard: Heard) -> Set<UserID> { Set(heard.all.last?.items.first?.recipients ?? []) }
            try await broker.bus(.config, register: { $0.serve(GetRoutes.self) { _, _ in routes.withLock(\.self) } }) { config in
                try await broker.messaging(1, one) { _ in
                    try await broker.messaging(2, two) { _ in
                        try await one.feed.bind(low)
                        try await two.feed.bind(high)
                        let tables = Seen<RouteTable>()
                        let follow = { (bus: Bus, deliveries: DeliveryPublisher) in
                            let table = RouteTable(bus: bus, logger: TestBroker.logger)
                            bus.subscribe(table.subscription)
                            deliveries.follow(table)
                            tables.add(table)
                        }
                        try await broker.publisher(of: .chats, register: follow) { _, chats in
                            let watching = Task { for table in tables.all { try await table.run() } }
                            defer { watching.cancel() }
                            var sent = 0
                            try await eventually("a divided one") {
                                try await chats.deliver(delivery)
                                sent += 1
                                try await eventually("what was sent") {
                                    one.all.count == sent && two.all.count == sent ? () : nil
                                }
                                return told(one).isDisjoint(with: told(two)) && told(one).union(told(two)) == Set(users)
                                    ? () : nil
                            }
                            // All has moved to the first, and nobody has said so yet.
                            try await one.feed.bind(high)
                            try await two.feed.unbind(high)
                            let before = one.all.count
                            try await chats.deliver(delivery)
                            try await eventually("both parts") { one.all.count == before + 2 ? () : nil }
                            #expect(Set(one.all.suffix(2).flatMap(\.items).flatMap(\.recipients)) == Set(users))
                            routes.withLock { $0 = Self.routes(2, [all, PartitionSet()]) }
                            try await config.broadcast(RoutesChanged(epoch: 2))
                            try await eventually("an undivided one") {
                                try await chats.deliver(delivery)
                                return told(one) == Set(users) ? () : nil
                            }
                            // Also to one that has nothing of it.
                            try await two.feed.unbind(all)
                            try await chats.deliver(small)
                            for heard in [one, two] { try await eventually("one") { heard.all.last == small ? () : nil } }
                        }
                    }
                }
            }
        }
    }

    private static func routes(_ epoch: Int64, _ sets: [PartitionSet]) -> Routes {
        Routes(
            epoch: epoch, partitionCount: 360,
            instances: sets.enumerated().map { .init(name: "m\($0.offset)", url: "ws://m", partitions: $0.element) })
    }

    private static func user(in partitions: Range<Int>) -> UserID {
        let ids = (1...Int64(10_000)).lazy.map { UserID(rawValue: $0) }
        return ids.first { partitions.contains(Partitioning.partition(of: $0, count: 360)) } ?? UserID(rawValue: 1)
    }
}

/// A feed, and what it heard.
private final class Heard: Sendable {
    let feed: DeliveryFeed
    let states: Seen<String>
    let senders: Seen<ServiceName>
    private let deliveries: Seen<Delivery>

    init(maximumBytes: Int64 = 64 << 20, stopsAtFirst: DispatchSemaphore? = nil) {
        let (states, senders, deliveries) = (Seen<String>(), Seen<ServiceName>(), Seen<Delivery>())
        (self.states, self.senders, self.deliveries) = (states, senders, deliveries)
        feed = DeliveryFeed(
            maximumBytes: maximumBytes, onStart: { states.add("start") }, onLost: { states.add("lost") },
            onDelivery: { delivery, sender in
                if deliveries.count == 0 { stopsAtFirst?.wait() }
                deliveries.add(delivery)
                senders.add(sender)
            })
    }

    var all: [Delivery] { deliveries.all }
    var frames: [String] { all.flatMap(\.items).map(\.frame) }
}

extension TestBroker {
    fileprivate func messaging<Result>(
        _ number: Int, _ heard: Heard, on io: IOThread = TestBroker.io, _ body: (Bus) async throws -> Result
    ) async throws -> Result {
        try await bus(.messaging, instance: "messaging-\(number)", on: io, register: { $0.subscribe(heard.feed) }, body)
    }

    /// Everything that was told has been taken.
    fileprivate func nothingIsLeft() async throws {
        for number in 1...3 {
            try await eventually("an empty queue") {
                let path = "queues/\(host.name)/messaging.delivery.messaging-\(number)"
                struct Queue: Decodable { var messages: Int? }
                return try JSONDecoder().decode(Queue.self, from: try await VirtualHost.management("GET", path)).messages == 0
                    ? () : nil
            }
        }
    }
}

extension AMQPMessage {
    fileprivate static func delivery(_ body: [UInt8], as user: String?) -> AMQPMessage {
        var properties = AMQPProperties()
        properties.userID = user
        return AMQPMessage(exchange: "martlet.delivery", routingKey: "0", properties: properties, body: body)
    }
}
