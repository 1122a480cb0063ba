import AMQP
import Contracts
import TestSupport
import Testing

@testable import Realtime

@Suite("The parts of a delivery") struct DeliveryPartsTests {
    @Test("one message has the partitions of all recipients")
    func one() {
        let items = (1...50).map { Delivery.Item(recipients: users(1...20), frame: "{\"type\":\"a\",\"n\":\($0)}") }
        let parts = DeliveryParts.of(Delivery(items: items), partitionCount: 360)
        #expect(parts.map(\.items) == [items])
        #expect(parts.map(\.partitions) == [Set(users(1...20).map { Partitioning.partition(of: $0, count: 360) })])
    }

    @Test("a delivery without recipients has no parts")
    func noRecipients() {
        let delivery = Delivery(items: [Delivery.Item(recipients: [], frame: "{}")])
        #expect(DeliveryParts.of(delivery, partitionCount: 360).isEmpty)
    }

    @Test("a message is bounded in bytes; a larger item is a message by itself")
    func bytes() throws {
        let text = String(repeating: "x", count: 100 << 10)
        var items = (1...5).map { Delivery.Item(recipients: users(1...2), frame: "\($0)\(text)") }
        items.append(Delivery.Item(recipients: users(1...2), frame: text + text + text))
        let parts = DeliveryParts.of(Delivery(items: items), partitionCount: 360)
        #expect(parts.map(\.items.count) == [2, 2, 1, 1])
        #expect(parts.flatMap(\.items) == items)
        for part in parts.dropLast() {
            let message = try DeliveryMessage.encode(part, from: .chats, lifetime: nil)
            #expect(message.body.count <= DeliveryParts.maximumBytes)
        }
    }

    @Test("the keys of a message fit into one frame, with any number of partitions")
    func keys() {
        let delivery = Delivery(items: [Delivery.Item(recipients: users(1...30_000), frame: "{}")])
        let parts = DeliveryParts.of(delivery, partitionCount: 20_000)
        #expect(parts.count > 1)
        #expect(parts.allSatisfy { $0.partitions.count <= DeliveryParts.maximumPartitions })
        #expect(parts.flatMap { $0.items.flatMap(\.recipients) }.sorted() == users(1...30_000))
    }

    @Test(
        "with any routes each item reaches each recipient once, in order, under the recipient's partition",
        arguments: UInt64(1)...40)
    func routes(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let count = Int.random(in: 1...50, using: &random)
        let routes = Self.routes(count, using: &random)
        let text = String(repeating: "x", count: DeliveryParts.dividedFrom / 20)
        let items = (0..<30).map { number in
            Delivery.Item(
                recipients: Array(
                    Set(
                        (0..<Int.random(in: 0...8, using: &random)).map { _ in
                            UserID(rawValue: .random(in: 1...30, using: &random))
                        })),
                frame: "\(number) \(text)")
        }
        let parts = DeliveryParts.of(Delivery(items: items), partitionCount: count, routes: RoutesHint(routes))
        var seen: [UserID: [String]] = [:]
        for part in parts {
            for item in part.items {
                for user in item.recipients {
                    seen[user, default: []].append(item.frame)
                    #expect(part.partitions.contains(Partitioning.partition(of: user, count: count)))
                }
            }
            let owners = Set(part.partitions.map(RoutesHint(routes).owner))
            #expect(part.isForAll || owners.count == 1)
        }
        for user in users(1...30) {
            #expect(seen[user] ?? [] == items.filter { $0.recipients.contains(user) }.map(\.frame))
        }
    }

    @Test("a small delivery is one message; routes with another partition count are ignored")
    func otherCount() {
        let routes = Routes(
            epoch: 1, partitionCount: 2,
            instances: [0, 1].map { .init(name: "m\($0)", url: "ws://m", partitions: PartitionSet([$0])) })
        let small = Delivery(items: [Delivery.Item(recipients: users(1...20), frame: "{}")])
        #expect(DeliveryParts.of(small, partitionCount: 2, routes: RoutesHint(routes)).count == 1)
        let delivery = Delivery(items: [Delivery.Item](repeating: small.items[0], count: 30))
        #expect(DeliveryParts.of(delivery, partitionCount: 2, routes: RoutesHint(routes)).count == 2)
        #expect(DeliveryParts.of(delivery, partitionCount: 360, routes: RoutesHint(routes)).count == 1)
    }

    @Test("without routes everything goes to all instances, in bounded messages")
    func unknown() throws {
        let text = String(repeating: "x", count: 100 << 10)
        let items = (1...5).map { Delivery.Item(recipients: users(1...5_000), frame: "\($0)\(text)") }
        let parts = DeliveryParts.forAll(Delivery(items: items + [Delivery.Item(recipients: [], frame: "{}")]))
        #expect(parts.flatMap(\.items) == items && parts.count > 1)
        for part in parts {
            let message = try DeliveryMessage.encode(part, from: .chats, lifetime: nil)
            #expect(message.routingKey == "all" && message.properties.headers.isEmpty)
            #expect(message.body.count <= DeliveryParts.maximumBytes)
        }
    }

    @Test("a delivery for nearly every instance goes to all by one key, unless it is too large")
    func all() throws {
        func parts(_ users: [UserID], instances: Int, frame: String = "{}") -> [DeliveryParts.Part] {
            let sets = (0..<instances).map { instance in PartitionSet((0..<360).filter { $0 % instances == instance }) }
            let routes = Routes(
                epoch: 1, partitionCount: 360,
                instances: sets.enumerated().map { .init(name: "m\($0.offset)", url: "ws://m", partitions: $0.element) })
            let delivery = Delivery(items: [Delivery.Item(recipients: users, frame: frame)])
            return DeliveryParts.of(delivery, partitionCount: 360, routes: RoutesHint(routes))
        }
        let pair = users(1...2)
        #expect(parts(pair, instances: 1).map(\.isForAll) == [true])
        #expect(parts(pair, instances: 2).map(\.isForAll) == [false])
        #expect(parts(users(1...200), instances: 10).map(\.isForAll) == [true])
        #expect(parts(users(1...10), instances: 10).map(\.isForAll) == [false])
        let keys = try parts(pair, instances: 1).map { try DeliveryMessage.encode($0, from: .chats, lifetime: nil) }
        #expect(keys.map(\.routingKey) == ["all"] && keys.allSatisfy { $0.properties.headers.isEmpty })
        let long = String(repeating: "x", count: 200 << 10)
        #expect(parts(users(1...200), instances: 10, frame: long).map(\.isForAll) == [Bool](repeating: false, count: 10))
        #expect(parts(users(1...200), instances: 4, frame: long).map(\.isForAll) == [true])
    }

    private static func routes(_ count: Int, using random: inout SeededGenerator) -> Routes {
        var sets = [PartitionSet](repeating: PartitionSet(), count: 3)
        // Some partitions have no owner, and some instances own partitions that do not exist.
        for partition in 0..<count where Int.random(in: 0..<5, using: &random) > 0 {
            sets[Int.random(in: 0..<3, using: &random)].insert(partition)
        }
        sets[0].insert(count + 3)
        return Routes(
            epoch: 1, partitionCount: count,
            instances: sets.enumerated().map { .init(name: "m\($0.offset)", url: "ws://m", partitions: $0.element) })
    }

    private func users(_ range: ClosedRange<Int64>) -> [UserID] { range.map { UserID(rawValue: $0) } }
}
