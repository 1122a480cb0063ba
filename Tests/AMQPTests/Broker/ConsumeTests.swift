import Synchronization
import TestSupport
import Testing

@testable import AMQP

@Suite("Consuming from the broker", .timeLimit(.minutes(2))) struct ConsumeTests {
    private func publish(_ count: Int, to queue: String = "q", on host: VirtualHost) async throws {
        try await host.admin { admin in
            try admin.declare(.queue(AMQPQueue(queue)))
            for number in 0..<count { try admin.publish(.to(queue, "\(number)")) }
        }
    }

    @Test("no more deliveries than the prefetch are unacknowledged")
    func prefetch() async throws {
        try await withBroker { connection, host in
            try await publish(20, on: host)
            let seen = ValueRecorder<AMQPDelivery>()
            let consumer = AMQPConsumer(queue: AMQPQueue("q"), prefetch: 3) { seen.add($0) }
            let channel = try await connection.opened(AMQPChannelSetup(name: "test", consumers: [consumer]))
            var acknowledged = 0
            while acknowledged < 20 {
                let expected = min(20, acknowledged + 3)
                try await eventually("\(expected) deliveries") { seen.count == expected ? () : nil }
                // After another round trip there are still no more.
                try await channel.publish(.to("other", mandatory: false))
                #expect(seen.count == expected)
                let tag = seen.all[acknowledged].tag
                try await channel.onThread { $0.acknowledge(tag) }
                acknowledged += 1
            }
            #expect(seen.all.map(\.text) == (0..<20).map(String.init))
        }
    }

    @Test("acknowledgements in any order are final", arguments: [UInt64(1), 2, 3])
    func acknowledgements(seed: UInt64) async throws {
        try await withBroker { connection, host in
            try await publish(200, on: host)
            let seen = ValueRecorder<AMQPDelivery>()
            let consumer = AMQPConsumer(queue: AMQPQueue("q")) { seen.add($0) }
            let channel = try await connection.opened(AMQPChannelSetup(name: "test", consumers: [consumer]))
            try await eventually("200 deliveries") { seen.count == 200 ? () : nil }
            var random = SeededGenerator(seed: seed)
            let done = seen.all.shuffled(using: &random).dropLast(7)
            for tag in done.map(\.tag) { try await channel.onThread { $0.acknowledge(tag) } }
            await channel.close()
            #expect(try await eventually("the unacknowledged messages") { try await host.messages(in: "q") == 7 ? 7 : nil } == 7)
            let left = try await host.admin { admin in try (0..<7).compactMap { _ in try admin.get(fromQueue: "q")?.text } }
            #expect(Set(left) == Set(seen.all.map(\.text)).subtracting(done.map(\.text)))
        }
    }

    @Test("a rejected message is dead-lettered, or redelivered with the flag set")
    func reject() async throws {
        try await withBroker { connection, host in
            let queue = AMQPQueue("q", arguments: ["x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"])
            try await host.admin { admin in
                try admin.declare(.queue(AMQPQueue("dead")))
                try admin.declare(.queue(queue))
                try admin.publish(.to("q"))
            }
            let seen = ValueRecorder<AMQPDelivery>()
            let handle = Mutex<AMQPChannel?>(nil)
            let consumer = AMQPConsumer(queue: queue) { delivery in
                seen.add(delivery)
                handle.withLock { $0 }?.reject(delivery.tag, requeue: !delivery.redelivered)
            }
            let channel = await connection.openChannel(AMQPChannelSetup(name: "test"))
            handle.withLock { $0 = channel }
            await channel.consume(consumer)
            try await eventually("a dead letter") { try await host.messages(in: "dead") == 1 ? () : nil }
            #expect(seen.all.map(\.redelivered) == [false, true])
        }
    }

    @Test("an oversized message is dead-lettered unread, and later messages are delivered")
    func tooLarge() async throws {
        try await withBroker(change: { $0.maxBodyBytes = 200_000 }) { connection, host in
            let queue = AMQPQueue("q", arguments: ["x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"])
            try await host.admin { admin in
                try admin.declare(.queue(AMQPQueue("dead")))
                try admin.declare(.queue(queue))
                try admin.publish(.to("q", String(repeating: "x", count: 200_001)))
                try admin.publish(.to("q", "next"))
            }
            let seen = OneShotSignal<String>()
            let consumer = AMQPConsumer(queue: queue) { seen.send($0.text) }
            _ = try await connection.opened(AMQPChannelSetup(name: "test", consumers: [consumer]))
            #expect(await seen.value == "next")
            try await eventually("a dead letter") { try await host.messages(in: "dead") == 1 ? () : nil }
        }
    }

    @Test("a deleted queue is declared again, and its consumer restarts")
    func deletedQueue() async throws {
        try await withBroker { connection, host in
            let (starts, lost, seen) = (ValueRecorder<UInt32>(), OneShotSignal<AMQPError>(), OneShotSignal<String>())
            let consumer = AMQPConsumer(
                queue: AMQPQueue("q"), bindings: [AMQPBinding(exchange: "amq.topic", routingKey: "a.#")],
                onStart: { starts.add($0) }, onLost: { lost.send($0) }, onDelivery: { seen.send($0.text) })
            let channel = try await connection.opened(AMQPChannelSetup(name: "test", consumers: [consumer]))
            _ = try await host.admin { try $0.deleteQueue("q") }
            _ = await lost.value
            try await eventually("a new start") { starts.count == 2 ? () : nil }
            #expect(starts.all == [1, 2])
            try await channel.publish(
                AMQPMessage(exchange: "amq.topic", routingKey: "a.b", mandatory: true, body: Array("again".utf8)))
            #expect(await seen.value == "again")
        }
    }

    @Test("a conflicting declaration is a 406, retried until it succeeds; other channels continue")
    func declaredOtherwise() async throws {
        try await withBroker { connection, host in
            try await host.admin { try $0.declare(.queue(AMQPQueue("q", arguments: ["x-max-length": 5]))) }
            let lost = OneShotSignal<AMQPError>()
            let setup = AMQPChannelSetup(
                name: "test", declarations: [.queue(AMQPQueue("q"))],
                onState: { if case .lost(let error) = $0 { lost.send(error) } })
            let (channel, neighbour) = (await connection.openChannel(setup), try await connection.opened())
            guard case .channelClosed(406, let text) = await lost.value else { throw NotYet(description: "not a 406") }
            #expect(text.contains("x-max-length"))
            #expect(await neighbour.failure(.to("q")) == nil)
            _ = try await host.admin { try $0.deleteQueue("q") }
            try await channel.opened()
            #expect(await channel.failure(.to("q")) == nil)
        }
    }

    @Test("after a cancel no deliveries come, and earlier ones can still be acknowledged")
    func cancel() async throws {
        try await withBroker { connection, host in
            try await publish(1, on: host)
            let seen = ValueRecorder<AMQPDelivery>()
            let channel = try await connection.opened()
            let id = await channel.consume(AMQPConsumer(queue: AMQPQueue("q")) { seen.add($0) })
            try await eventually("a delivery") { seen.count == 1 ? () : nil }
            await channel.cancel(id)
            await channel.cancel(id)
            try await publish(1, on: host)
            let tag = seen.all[0].tag
            try await channel.onThread { $0.acknowledge(tag) }
            await channel.close()
            #expect(seen.count == 1)
            try await eventually("the later message alone") { try await host.messages(in: "q") == 1 ? () : nil }
        }
    }

    @Test("an exclusive consumer waits until the queue is free")
    func exclusive() async throws {
        try await withBroker { connection, host in
            let (first, second) = (OneShotSignal<Void>(), OneShotSignal<Void>())
            let one = try await connection.opened(
                AMQPChannelSetup(
                    name: "one",
                    consumers: [AMQPConsumer(queue: AMQPQueue("q"), exclusive: true, onStart: { _ in first.send() }) { _ in }]))
            await first.value
            let lost = OneShotSignal<AMQPError>()
            _ = await connection.openChannel(
                AMQPChannelSetup(
                    name: "two",
                    consumers: [AMQPConsumer(queue: AMQPQueue("q"), exclusive: true, onStart: { _ in second.send() }) { _ in }],
                    onState: { if case .lost(let error) = $0 { lost.send(error) } }))
            guard case .channelClosed(403, _) = await lost.value else { throw NotYet(description: "not a 403") }
            #expect(!second.isSent)
            await one.close()
            await second.value
        }
    }
}
