import TestSupport
import Testing

@testable import AMQP

@Suite("Publishing to the broker", .timeLimit(.minutes(2))) struct PublishTests {
    @Test("a message arrives unchanged, with every property and every type of header")
    func whole() async throws {
        try await withBroker { connection, host in
            try await host.admin { try $0.declare(.queue(AMQPQueue("q"))) }
            let channel = try await connection.opened()
            var message = AMQPMessage.to("q", "grüß dich")
            message.properties = Self.everything(user: connection.endpoint.user)
            try await channel.publish(message)
            let delivery = try #require(try await host.admin { try $0.get(fromQueue: "q") })
            #expect(delivery.body == message.body)
            #expect(delivery.properties == message.properties)
            #expect(delivery.routingKey == "q")
            #expect(!delivery.redelivered)
        }
    }

    private static func everything(user: String) -> AMQPProperties {
        var properties = AMQPProperties()
        (properties.contentType, properties.contentEncoding) = ("text/plain", "utf-8")
        properties.headers = [
            "bool": true, "integer": -7, "double": .double(1.5), "string": "ä", "bytes": .bytes([0xFF, 0]),
            "time": .timestamp(1_764_000_000), "table": .table(["inner": .array([1, "two", .null])]), "null": .null,
        ]
        (properties.deliveryMode, properties.priority) = (.persistent, 3)
        (properties.correlationID, properties.replyTo, properties.expiration) = ("c", "r", 600_000)
        (properties.messageID, properties.timestamp, properties.type) = ("m", 1_764_000_001, "t")
        (properties.userID, properties.appID) = (user, "a")
        return properties
    }

    @Test("bodies of all sizes arrive, in any number of frames", arguments: [0, 1, 131_064, 131_065, 3_000_000])
    func sizes(size: Int) async throws {
        try await withBroker { connection, host in
            let body = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            let seen = OneShotSignal<[UInt8]>()
            let consumer = AMQPConsumer(queue: AMQPQueue("q"), noAck: true) { seen.send($0.body) }
            let channel = try await connection.opened(AMQPChannelSetup(name: "test", consumers: [consumer]))
            try await channel.publish(AMQPMessage(exchange: "", routingKey: "q", mandatory: true, body: body))
            #expect(await seen.value == body)
        }
    }

    @Test("an unroutable message is returned to its sender if mandatory, otherwise dropped and confirmed")
    func unroutable() async throws {
        try await withBroker { connection, host in
            try await host.admin { try $0.declare(.queue(AMQPQueue("q"))) }
            let channel = try await connection.opened()
            let failures = await withTaskGroup { group in
                for number in 0..<200 {
                    group.addTask { (number, await channel.failure(.to(number % 3 == 0 ? "nowhere" : "q"))) }
                }
                return await group.reduce(into: [Int: AMQPError]()) { $0[$1.0] = $1.1 }
            }
            #expect(failures.keys.sorted() == (0..<200).filter { $0 % 3 == 0 })
            #expect(Set(failures.values) == [.unroutable(code: 312, text: "NO_ROUTE")])
            #expect(try await host.messages(in: "q") == 133)
            #expect(await channel.failure(.to("nowhere", mandatory: false)) == nil)
        }
    }

    @Test("a message that a queue rejects has certainly not been stored")
    func rejected() async throws {
        try await withBroker { connection, host in
            let full = AMQPQueue("q", arguments: ["x-max-length": 1, "x-overflow": "reject-publish"])
            try await host.admin { try $0.declare(.queue(full)) }
            let channel = try await connection.opened()
            try await channel.publish(.to("q"))
            #expect(await channel.failure(.to("q")) == .rejected)
            #expect(AMQPError.rejected.mayHaveHappened == false)
            _ = try await host.admin { try $0.purgeQueue("q") }
            #expect(await channel.failure(.to("q")) == nil)
        }
    }

    @Test("an invalid message is rejected before it is sent, and the channel continues")
    func invalid() async throws {
        try await withBroker(change: { $0.maxBodyBytes = 1_000 }) { connection, host in
            try await host.admin { try $0.declare(.queue(AMQPQueue("q"))) }
            let channel = try await connection.opened()
            var headers = AMQPMessage.to("q")
            headers.properties.headers["large"] = .string(String(repeating: "x", count: 200_000))
            for message in [.to("q", String(repeating: "x", count: 1_001)), .to(String(repeating: "q", count: 256)), headers] {
                guard case .invalid? = await channel.failure(message) else {
                    Issue.record("was not refused")
                    continue
                }
            }
            #expect(await channel.failure(.to("q")) == nil)
            #expect(try await host.messages(in: "q") == 1)
        }
    }

    @Test("a missing exchange closes the channel, which reopens; other channels are unaffected")
    func channelError() async throws {
        try await withBroker { connection, host in
            try await host.admin { try $0.declare(.queue(AMQPQueue("q"))) }
            let (channel, neighbour) = (try await connection.opened(), try await connection.opened())
            let error = await channel.failure(AMQPMessage(exchange: "nowhere", routingKey: "q", body: []))
            guard case .channelClosed(404, _)? = error else {
                throw NotYet(description: "not a 404: \(String(describing: error))")
            }
            #expect(error?.mayHaveHappened == true)
            #expect(await neighbour.failure(.to("q")) == nil)
            try await channel.opened()
            #expect(await channel.failure(.to("q")) == nil)
            #expect(try await host.messages(in: "q") == 2)
        }
    }

    @Test("without a connection a publish fails at once, and nothing was sent")
    func notConnected() async throws {
        let connection = AMQPConnection(.peer(1), on: io, logger: silent)
        let channel = await connection.openChannel(AMQPChannelSetup(name: "test"))
        let error = await channel.failure(.to("q"))
        guard case .notConnected? = error else { throw NotYet(description: "\(String(describing: error))") }
        #expect(error?.mayHaveHappened == false)
    }

    @Test("a channel without confirms reports no outcomes")
    func noConfirms() async throws {
        try await withBroker { connection, host in
            let returned = OneShotSignal<AMQPReturn>()
            let setup = AMQPChannelSetup(name: "test", confirmWindow: nil, onReturn: { returned.send($0) })
            let channel = try await connection.opened(setup)
            guard case .invalid? = await channel.failure(.to("q")) else { throw NotYet(description: "publish did not fail") }
            try await channel.onThread { try $0.send(.to("nowhere")) }
            #expect(await returned.value.routingKey == "nowhere")
        }
    }
}
