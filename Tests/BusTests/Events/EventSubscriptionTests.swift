import AMQP
import BusTesting
import Contracts
import TestSupport
import Testing

@testable import Bus

@Suite("Event subscriptions", .timeLimit(.minutes(3))) struct EventSubscriptionTests {
    @Test("every subscribed process receives a transient event, in order; malformed and forged ones are ignored")
    func heardByAll() async throws {
        try await TestBroker.with { broker in
            let (one, two) = (ValueRecorder<String>(), ValueRecorder<String>())
            try await broker.bus(.chats, instance: "chats-1", register: { $0.subscribe(feed(one)) }) { _ in
                try await broker.bus(.chats, instance: "chats-2", register: { $0.subscribe(feed(two)) }) { _ in
                    try await broker.raw { try $0.publish(.event("users.test.renamed.v1", "no json")) }
                    let forged = AMQPMessage.event("users.test.renamed.v1", #"{"id":"1","name":"forged"}"#, as: "bff")
                    try await broker.raw { try $0.publish(forged) }
                    try await broker.bus(.users) { users in
                        for number in 0..<20 {
                            try await users.broadcast(UserRenamed(id: UserID(rawValue: 1), name: "\(number)"))
                        }
                        let all = (0..<20).map { "\($0)" }
                        for seen in [one, two] { try await eventually("20 events") { seen.all == all ? () : nil } }
                    }
                }
            }
        }
    }

    @Test("a subscription receives a notice, and a queue bound to all events does not")
    func notices() async throws {
        try await TestBroker.with { broker in
            let seen = ValueRecorder<String>()
            var feed = EventSubscription()
            feed.on(Moved.self) { event, _ in seen.add(event.to) }
            feed.on(UserRenamed.self) { event, _ in seen.add(event.name) }
            try await broker.raw {
                try $0.declare(.queue(AMQPQueue("integration", durable: false, autoDelete: false)))
                try $0.declare(.bind(queue: "integration", AMQPBinding(exchange: "martlet.events", routingKey: "#")))
            }
            try await broker.bus(.chats, register: { $0.subscribe(feed) }) { _ in
                try await broker.bus(.users) { users in
                    try await users.broadcast(Moved(to: "here"))
                    try await users.broadcast(UserRenamed(id: UserID(rawValue: 1), name: "ada"))
                    try await eventually("both") { seen.all.sorted() == ["ada", "here"] ? () : nil }
                }
            }
            let types = try await broker.raw { raw in try (0..<2).map { _ in try raw.get(fromQueue: "integration")?.routingKey } }
            #expect(types == ["users.test.renamed.v1", nil])
        }
    }

    private struct Moved: Notice {
        static let type: EventType = "users.test.moved.v1"
        let to: String
    }

    @Test("a subscription reports its loss and its new start")
    func lost() async throws {
        try await TestBroker.with { broker in
            let states = ValueRecorder<String>()
            var feed = EventSubscription()
            feed.on(UserRenamed.self) { _, _ in }
            feed.onStart { states.add("started") }
            feed.onLost { states.add("lost") }
            try await broker.bus(.chats, register: { $0.subscribe(feed) }) { _ in
                #expect(states.all == ["started"])
                try await broker.closeConnections(named: "chats-1 events")
                try await eventually("a new start") { states.all == ["started", "lost", "started"] ? () : nil }
            }
        }
    }

    private func feed(_ seen: ValueRecorder<String>) -> EventSubscription {
        var feed = EventSubscription()
        feed.on(UserRenamed.self) { event, _ in seen.add(event.name) }
        return feed
    }
}
