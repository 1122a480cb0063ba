import AMQP
import BusTesting
import Contracts
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Bus

@Suite("Work queues and dead letters", .timeLimit(.minutes(3))) struct WorkQueueTests {
    @Test("an event committed by one service is handled by another")
    func handled() async throws {
        try await EventWorld.with { world in
            let seen = ValueRecorder<(UserRenamed, EventContext)>()
            try await consuming(world) { event, context in
                seen.add((event, context))
            } _: { _ in
                try await world.broker.bus(.users) { users in
                    let event = try await world.commit("Grace")
                    world.outbox(users).committed([event])
                    try await eventually("the event") { seen.count == 1 ? () : nil }
                    #expect(seen.all[0].0 == UserRenamed(id: UserID(rawValue: 1), name: "Grace"))
                    #expect(seen.all[0].1.id == event.id)
                    #expect(seen.all[0].1.source == "/martlet/users")
                    #expect(seen.all[0].1.attempt == 1)
                    try await world.broker.queueIsEmpty("chats.work.names")
                }
            }
        }
    }

    @Test("an event that arrives twice takes effect once, if the handler uses the inbox")
    func once() async throws {
        try await EventWorld.with { world in
            let outcomes = ValueRecorder<Int>()
            try await consuming(world) { [pool = world.pool] _, context in
                outcomes.add(try await pool.execute(context.inbox.once(context.id)))
            } _: { _ in
                try await world.broker.bus(.users) { users in
                    let event = try await world.commit("twice")
                    world.outbox(users).committed([event])
                    try await eventually("the first") { outcomes.count == 1 ? () : nil }
                    world.outbox(users).committed([event])
                    try await eventually("the second") { outcomes.count == 2 ? () : nil }
                    #expect(outcomes.all == [1, 0])
                }
            }
        }
    }

    @Test("after five failures an event becomes a dead letter with the reason; replayed, it is handled")
    func deadLetterAndReplay() async throws {
        try await EventWorld.with { world in
            let attempts = ValueRecorder<Int>()
            try await consuming(world) { _, context in
                attempts.add(context.attempt)
                if attempts.count <= 5 { throw ServiceError(.conflict, "not like this") }
            } _: { _ in
                try await world.broker.raw { try $0.publish(.event("users.test.renamed.v1", #"{"id":"1","name":"x"}"#)) }
                let letters = DeadLetters(world.broker.endpoint(), of: .chats)
                let letter = try await eventually("a dead letter") { try await letters.list().first }
                #expect(attempts.all == [1, 2, 3, 4, 5])
                #expect(letter.queue == "chats.work.names")
                #expect(letter.type == "users.test.renamed.v1")
                #expect(letter.reason == "conflict: not like this")
                #expect(letter.time != nil)
                #expect(try await letters.replay(.events(["no such id"])) == 0)
                #expect(try await letters.replay(.events([letter.id])) == 1)
                try await eventually("another attempt") { attempts.count == 6 ? () : nil }
                #expect(attempts.all.last == 1)
                #expect(try await letters.list().isEmpty)
                try await world.broker.queueIsEmpty("chats.work.names")
            }
        }
    }

    @Test("listed letters stay in their queue for the next operation")
    func listedLettersStay() async throws {
        try await EventWorld.with { world in
            try await consuming(world) { _, _ in
            } _: { _ in
                try await world.broker.raw { raw in
                    for _ in 0..<20 { try raw.publish(.event("users.test.renamed.v1", "not json")) }
                }
                let letters = DeadLetters(world.broker.endpoint(), of: .chats)
                try await eventually("all letters") { try await letters.list().count == 20 ? () : nil }
                for _ in 0..<20 { #expect(try await letters.list().count == 20) }
                #expect(try await letters.drop(.events(["no such id"])) == 0)
                #expect(try await letters.drop(.all) == 20)
            }
        }
    }

    @Test(
        "an event is accepted only from the service that owns its type; any other becomes a dead letter", arguments: ["bff", nil])
    func forged(sender: String?) async throws {
        try await EventWorld.with { world in
            let seen = ValueRecorder<Int>()
            try await consuming(world) { _, context in
                seen.add(context.attempt)
            } _: { _ in
                // A service can do this with a second routing key, or with a queue that forwards its events.
                try await world.broker.raw { raw in
                    var message = AMQPMessage.event("users.test.renamed.v1", #"{"id":"1","name":"x"}"#)
                    message.properties.userID = sender
                    try raw.publish(message)
                }
                let letters = DeadLetters(world.broker.endpoint(), of: .chats)
                let letter = try await eventually("a dead letter") { try await letters.list().first }
                #expect(letter.reason == "published by \(sender ?? "an unknown sender"), which does not own the type")
                #expect(seen.count == 0)
                // An operator may accept it.
                #expect(try await letters.replay(.events([letter.id])) == 1)
                try await eventually("the event") { seen.count == 1 ? () : nil }
            }
        }
    }

    @Test("an event whose dependency is away waits, without counting failures, and is handled")
    func unavailable() async throws {
        try await EventWorld.with { world in
            let attempts = ValueRecorder<Int>()
            try await consuming(world) { _, context in
                attempts.add(context.attempt)
                if attempts.count <= 6 { throw ServiceError(.unavailable, "later") }
            } _: { _ in
                try await world.broker.raw { try $0.publish(.event("users.test.renamed.v1", #"{"id":"1","name":"x"}"#)) }
                try await eventually("the seventh attempt") { attempts.count == 7 ? () : nil }
                #expect(attempts.all == Array(repeating: 1, count: 7))
                try await world.broker.queueIsEmpty("chats.work.names")
                #expect(try await DeadLetters(world.broker.endpoint(), of: .chats).list().isEmpty)
            }
        }
    }

    @Test("malformed events become dead letters at once, each with its reason, and can be dropped")
    func malformed() async throws {
        try await EventWorld.with { world in
            let seen = ValueRecorder<UserRenamed>()
            try await consuming(world) { event, _ in
                seen.add(event)
            } _: { _ in
                let type = "users.test.renamed.v1"
                let id = EventID().description
                try await world.broker.raw { raw in
                    try raw.publish(.event(type, "not json"))
                    try raw.publish(.event(type, #"{"id":5,"name":"x"}"#))
                    try raw.publish(.event(type, String(repeating: "[", count: 100_000)))
                    try raw.publish(.event(type, "{}", headers: [:]))
                    try raw.publish(.event(type, "{}", headers: ["cloudEvents_specversion": "1.0", "cloudEvents_id": "7"]))
                    try raw.publish(
                        .event(type, "{}", headers: ["cloudEvents_specversion": "2.0", "cloudEvents_id": .string(id)]))
                    try raw.publish(.event(type, #"{"id":"1","name":"good"}"#))
                }
                let letters = DeadLetters(world.broker.endpoint(), of: .chats)
                let found = try await eventually("six letters") {
                    let found = try await letters.list()
                    return found.count == 6 ? found : nil
                }
                #expect(found.allSatisfy { $0.queue == "chats.work.names" && $0.reason.count > 5 })
                try await eventually("the good one") { seen.all.map(\.name) == ["good"] ? () : nil }
                #expect(try await letters.drop(.all) == 6)
                #expect(try await letters.list().isEmpty)
            }
        }
    }

    @Test("a stop requeues an event that waits for its next attempt")
    func stopHandsBack() async throws {
        try await EventWorld.with { world in
            let attempts = ValueRecorder<Int>()
            try await consuming(world) { _, context in
                attempts.add(context.attempt)
                throw ServiceError(.unavailable, "never")
            } _: { _ in
                try await world.broker.raw { try $0.publish(.event("users.test.renamed.v1", #"{"id":"1","name":"x"}"#)) }
                try await eventually("attempts") { attempts.count >= 3 ? () : nil }
            }
            // The broker puts it back when it has seen the connection end.
            try await eventually("the event in its queue") {
                try await world.broker.raw { try $0.status(ofQueue: "chats.work.names").messages } == 1 ? () : nil
            }
        }
    }

    /// chats handles renamed users from the queue `chats.work.names` while `body` runs.
    private func consuming(
        _ world: EventWorld, handler: @escaping @Sendable (UserRenamed, EventContext) async throws -> Void,
        _ body: (Bus) async throws -> Void
    ) async throws {
        var queue = WorkQueue("names", inbox: Inbox(world.pool))
        queue.on(UserRenamed.self, handler)
        try await world.broker.bus(.chats, register: { $0.consume(queue) }) { try await body($0) }
    }
}

extension TestBroker {
    /// Waits until the queue has neither ready nor unacknowledged messages, according to the management API.
    func queueIsEmpty(_ name: String) async throws {
        struct Queue: Decodable { var messages: Int? }
        try await eventually("an empty \(name)") {
            let data = try await VirtualHost.management("GET", "queues/\(host.name)/\(name)")
            return try JSONDecoder().decode(Queue.self, from: data).messages == 0 ? () : nil
        }
    }
}
