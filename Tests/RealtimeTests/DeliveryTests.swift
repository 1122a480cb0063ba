import AMQP
import Bus
import BusTesting
import CBOR
import Contracts
import Foundation
import Reactor
import TestSupport
import Testing

@testable import Realtime

@Suite("Deliveries over the broker", .timeLimit(.minutes(3))) struct DeliveryTests {
    @Test("a delivery for all partitions arrives once at every instance that owns any of them")
    func oncePerQueue() async throws {
        try await TestBroker.with { broker in
            let (one, two, three) = (Heard(), Heard(), Heard())
            let users = (1...1_000).map { UserID(rawValue: $0) }
            try await broker.messaging(1, one) { _ in
                try await broker.messaging(2, two) { _ in
                    try await broker.messaging(3, three) { _ in
                        try await one.feed.bind(PartitionSet(0..<180))
                        try await two.feed.bind(PartitionSet(180..<360))
                        // Outdated: it still has partitions of another instance.
                        try await three.feed.bind(PartitionSet(170..<190))
                        try await broker.publisher(of: .chats) { _, chats in
                            let delivery = Delivery(items: [Delivery.Item(recipients: users, frame: #"{"type":"a"}"#)])
                            for _ in 0..<10 { try await chats.deliver(delivery) }
                            for heard in [one, two, three] {
                                try await eventually("ten") { heard.all.count == 10 ? () : nil }
                                #expect(heard.all.allSatisfy { $0 == delivery })
                                #expect(Set(heard.senders.all) == [.chats])
                            }
                            try await broker.queuesAreEmpty()
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

    @Test("partitions are bound and unbound while it runs, and stay bound after a lost connection")
    func rebinding() async throws {
        try await TestBroker.with { broker in
            let heard = Heard()
            try await broker.messaging(1, heard) { _ in
                try await broker.publisher(of: .chats) { _, chats in
                    let (low, high) = (Self.user(in: 0..<180), Self.user(in: 180..<360))
                    func deliver(_ frame: String, _ user: UserID) async throws {
                        try await chats.deliver(Delivery(items: [.init(recipients: [user], frame: frame)]))
                    }
                    chats.use(RoutesHint(Self.routes(1, [PartitionSet(0..<360)])))
                    try await deliver("too early", low)
                    try await heard.feed.bind(PartitionSet(0..<180))
                    try await deliver("1", low)
                    try await deliver("not mine", high)
                    try await heard.feed.bind(PartitionSet(180..<360))
                    try await heard.feed.unbind(PartitionSet(0..<180))
                    try await deliver("not mine any more", low)
                    try await deliver("2", high)
                    try await eventually("two") { heard.frames == ["1", "2"] ? () : nil }
                    try await broker.closeConnections(named: "messaging-1 deliveries")
                    try await eventually("a new start") { heard.states.all == ["start", "lost", "start"] ? () : nil }
                    try await deliver("still not mine", low)
                    try await deliver("3", high)
                    try await eventually("three") { heard.frames == ["1", "2", "3"] ? () : nil }
                }
            }
        }
    }

    @Test("a binding without a connection fails, and is made before the next start")
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

    @Test("only deliveries of chats, users and messaging are accepted; a malformed one counts as a loss")
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

    @Test("without routes a delivery arrives at every instance")
    func withoutRoutes() async throws {
        try await TestBroker.with { broker in
            let heard = Heard()
            try await broker.messaging(1, heard) { _ in
                // A partition that exists only with a larger partition count.
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

    @Test("an expired delivery is ignored")
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

    @Test("a blocked instance loses the oldest deliveries and is notified; publishers do not wait")
    func tooSlow() async throws {
        try await TestBroker.with { broker in
            // On a thread of its own, which is blocked.
            let (io, resume) = (IOThread(name: "slow"), DispatchSemaphore(value: 0))
            let (slow, quick) = (Heard(maximumBytes: 20_000, stopsAtFirst: resume), Heard())
            try await broker.messaging(1, slow, on: io) { _ in
                try await broker.messaging(2, quick) { _ in
                    for heard in [slow, quick] { try await heard.feed.bind(PartitionSet(0..<360)) }
                    try await broker.publisher(of: .chats) { _, chats in
                        func item(_ frame: String) -> Delivery {
                            Delivery(items: [.init(recipients: [UserID(rawValue: 1)], frame: frame)])
                        }
                        // Fills the socket buffers between broker and process, then the queue.
                        let text = String(repeating: "x", count: 200_000)
                        let (large, small) = ((0..<80).map { "\($0) \(text)" }, (0..<2_000).map { "\($0)" })
                        for frame in large { try await chats.deliver(item(frame)) }
                        // Quickly, before the broker closes the silent connection.
                        for frame in small { chats.deliverOnce(item(frame)) }
                        let frames = large + small
                        try await eventually("all") { quick.all.count == frames.count ? () : nil }
                        #expect(quick.frames == frames && quick.states.all == ["start"])
                        resume.signal()
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

extension AMQPMessage {
    fileprivate static func delivery(_ body: [UInt8], as user: String?) -> AMQPMessage {
        var properties = AMQPProperties()
        properties.userID = user
        return AMQPMessage(exchange: "martlet.delivery", routingKey: "0", properties: properties, body: body)
    }
}
