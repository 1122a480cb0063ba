import TestSupport
import Testing

@testable import AMQP

@Suite("Changing bindings", .timeLimit(.minutes(2))) struct RebindTests {
    @Test("bindings change while consuming, and are restored after a reconnect")
    func rebind() async throws {
        try await withBroker { connection, host in
            let (seen, starts) = (ValueRecorder<String>(), ValueRecorder<UInt32>())
            let channel = try await connection.opened()
            let consumer = await channel.consume(
                AMQPConsumer(
                    queue: AMQPQueue("mine", durable: false, exclusive: true, autoDelete: true),
                    bindings: [Self.to("a")], noAck: true, onStart: { starts.add($0) }, onDelivery: { seen.add($0.text) }))
            try await channel.rebind(consumer, adding: [Self.to("b"), Self.to("b"), Self.to("c")], removing: [Self.to("a")])
            for key in ["a", "b", "c"] { #expect(await channel.failure(Self.message(key)) == nil) }
            try await eventually("two") { seen.all == ["b", "c"] ? () : nil }
            try await channel.rebind(consumer, removing: [Self.to("c"), Self.to("never")])
            try await host.closeConnections()
            try await eventually("a new start") { starts.all == [1, 2] ? () : nil }
            for key in ["a", "b", "c"] { #expect(await channel.failure(Self.message(key)) == nil) }
            try await eventually("one more") { seen.all == ["b", "c", "b"] ? () : nil }
        }
    }

    @Test("without a connection rebinding fails, and applies when the consumer starts")
    func early() async throws {
        try await VirtualHost.with { host in
            let seen = OneShotSignal<String>()
            let connection = AMQPConnection(.broker(host), on: io, logger: silent)
            let channel = await connection.openChannel(AMQPChannelSetup(name: "test"))
            let consumer = await channel.consume(AMQPConsumer(queue: AMQPQueue("mine")) { seen.send($0.text) })
            await #expect(throws: AMQPError.self) { try await channel.rebind(consumer, adding: [Self.to("a")]) }
            let run = Task { try await connection.run() }
            try await channel.opened()
            #expect(await channel.failure(Self.message("a")) == nil)
            #expect(await seen.value == "a")
            run.cancel()
            try await run.value
        }
    }

    @Test("a rejected binding closes the channel, and its waiters get the error")
    func refused() async throws {
        try await withBroker { connection, host in
            let channel = try await connection.opened()
            let consumer = await channel.consume(AMQPConsumer(queue: AMQPQueue("mine")) { _ in })
            let there = AMQPBinding(exchange: "not there yet", routingKey: "a")
            await #expect(throws: AMQPError.self) { try await channel.rebind(consumer, adding: [there]) }
            try await host.admin { try $0.declare(.exchange(AMQPExchange("not there yet", .direct))) }
            try await channel.opened()
            try await channel.rebind(consumer, removing: [there])
        }
    }

    @Test("many bindings are confirmed by one wait")
    func many() async throws {
        try await withBroker { connection, host in
            let seen = ValueRecorder<String>()
            let channel = try await connection.opened()
            let consumer = await channel.consume(AMQPConsumer(queue: AMQPQueue("mine"), noAck: true) { seen.add($0.text) })
            let bindings = (0..<360).map { Self.to("\($0)") }
            try await channel.rebind(consumer, adding: bindings)
            for key in [0, 180, 359] { #expect(await channel.failure(Self.message("\(key)")) == nil) }
            try await eventually("three") { seen.all == ["0", "180", "359"] ? () : nil }
            try await channel.rebind(consumer, removing: bindings)
            let path = "bindings/\(host.name)/e/amq.direct/q/mine"
            #expect(String(decoding: try await VirtualHost.management("GET", path), as: UTF8.self) == "[]")
        }
    }

    private static func to(_ key: String) -> AMQPBinding { AMQPBinding(exchange: "amq.direct", routingKey: key) }

    private static func message(_ key: String) -> AMQPMessage {
        AMQPMessage(exchange: "amq.direct", routingKey: key, body: Array(key.utf8))
    }
}
