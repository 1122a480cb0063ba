import TestSupport
import Testing

@testable import AMQP

/// What a broker must never send, as bytes.
struct Lie: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let bytes: [UInt8]

    init(_ description: String, _ frames: Frame...) { (testDescription, bytes) = (description, frames.flatMap(\.bytes)) }
    init(_ description: String, bytes: [UInt8]) { (testDescription, self.bytes) = (description, bytes) }

    static let all = [
        Lie("noise", bytes: [UInt8](repeating: 0x5A, count: 100)),
        Lie("another protocol", bytes: Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)),
        Lie("a frame larger than agreed", bytes: [3, 0, 1] + big(UInt32(200_000))),
        Lie("a frame of four gigabytes", bytes: [3, 0, 1] + big(UInt32.max)),
        Lie("a frame without its end", bytes: Array(Frame.ack(1).bytes.dropLast()) + [0]),
        Lie("a method without a number", Frame(kind: 1, channel: 1, payload: [0, 60])),
        Lie("a method cut short", .method(0x003C_0050, channel: 1, [0, 0])),
        Lie("a method that does not exist", .method(0x003C_00FF, channel: 1)),
        Lie("a method of a class that does not exist", .method(0x1234_0001, channel: 1)),
        Lie("a method that only clients send", .method(0x003C_0028, channel: 1, [0, 0] + short("") + short("q") + [0])),
        Lie("an answer that nobody asked for", .method(0x0032_000B, channel: 1, short("q") + big(UInt64(0)))),
        Lie("a method on channel 0 that belongs elsewhere", .ack(1, channel: 0)),
        Lie("a channel that was never opened", .ack(1, channel: 2)),
        Lie("the last channel", .ack(1, channel: .max)),
        Lie("a header without its method", .header(bodySize: 3, channel: 1)),
        Lie(
            "a header of another class", .deliver(1),
            Frame(kind: 2, channel: 1, payload: [0, 10, 0, 0] + big(UInt64(0)) + [0, 0])),
        Lie("a header cut short", .deliver(1), Frame(kind: 2, channel: 1, payload: [0, 60, 0])),
        Lie("properties that are not there", .deliver(1), .header(bodySize: 0, channel: 1, properties: [0xFF, 0xFC])),
        Lie("a property longer than its frame", .deliver(1), .header(bodySize: 0, channel: 1, properties: [0x80, 0, 200, 1])),
        Lie(
            "a table longer than its frame", .deliver(1),
            .header(bodySize: 0, channel: 1, properties: [0x20, 0] + big(UInt32.max))),
        Lie(
            "a value of no known kind", .deliver(1),
            .header(bodySize: 0, channel: 1, properties: [0x20, 0] + big(UInt32(3)) + short("a") + [UInt8(ascii: "?")])),
        Lie("a confirm of what was never sent", .ack(2)),
        Lie("a confirm of everything up to what was never sent", .ack(.max, multiple: true)),
        Lie("a refusal of what was never sent", .method(0x003C_0078, channel: 1, big(UInt64(7)) + [1])),
        Lie("a body without its header", .deliver(1), .body([1], channel: 1)),
        Lie("a body longer than its header says", .deliver(1), .header(bodySize: 1, channel: 1), .body([1, 2], channel: 1)),
        Lie("a message within a message", .deliver(1), .deliver(2)),
        Lie("a delivery to nobody", .deliver(1, consumer: "c7")),
        Lie("a delivery to a name that is not ours", .deliver(1, consumer: "c99999999999999999999")),
        Lie("half a frame, and then nobody", bytes: [1, 0, 1, 0]),
    ]
}

@Suite("A peer that lies costs the connection, never the process", .timeLimit(.minutes(2))) struct HostilePeerTests {
    @Test("the connection is given up, what was under way may have happened, and the next one works", arguments: Lie.all)
    func lies(lie: Lie) async throws {
        let script: ScriptedBroker.Script = { frame, client in
            guard frame.isPublish else { return false }
            if client.number > 1 {
                client.send(.ack(1))
            } else {
                client.socket.send(lie.bytes)
                if lie.bytes.count < 8 { client.socket.shut() }
            }
            return true
        }
        try await ScriptedBroker.with(script) { peer in
            try await withConnection(.peer(peer.port)) { connection in
                let consumer = AMQPConsumer(queue: AMQPQueue("q")) { _ in }
                let channel = try await connection.opened(AMQPChannelSetup(name: "test", consumers: [consumer]))
                let error = await channel.failure(.to("q"))
                #expect(error?.mayHaveHappened == true, "\(String(describing: error))")
                try await channel.opened()
                #expect(await channel.failure(.to("q")) == nil)
            }
        }
    }

    @Test("noise in place of anything, with seeds, never gets further than the connection", arguments: UInt64(1)...20)
    func noise(seed: UInt64) async throws {
        let script: ScriptedBroker.Script = { frame, client in
            guard frame.isPublish else { return false }
            if client.number == 4 {
                client.send(.ack(1))
            } else {
                var random = SeededGenerator(seed: seed * 8 + UInt64(client.number))
                client.socket.send(Self.spoiled(using: &random))
                client.socket.shut()
            }
            return true
        }
        try await ScriptedBroker.with(script) { peer in
            try await withConnection(.peer(peer.port)) { connection in
                let (consumer, losses) = (AMQPConsumer(queue: AMQPQueue("q")) { _ in }, Seen<AMQPError>())
                let channel = try await connection.opened(
                    AMQPChannelSetup(
                        name: "test", consumers: [consumer], onState: { if case .lost(let error) = $0 { losses.add(error) } }))
                for round in 1...3 {
                    _ = await channel.failure(.to("q"))
                    try await eventually("the loss") { losses.count >= round ? () : nil }
                    try await channel.opened()
                }
                #expect(await channel.failure(.to("q")) == nil)
            }
        }
    }

    /// Frames that are nearly right.
    private static func spoiled(using random: inout SeededGenerator) -> [UInt8] {
        let properties = [0x20, 0] + big(UInt32(9)) + short("a") + [UInt8(ascii: "A")] + big(UInt32(2)) + [UInt8(ascii: "V"), 0]
        let frames = [
            Frame.deliver(1), .header(bodySize: 3, channel: 1, properties: properties), .body([1, 2, 3], channel: 1), .ack(1),
            .method(0x003C_0032, channel: 1, [1, 56] + short("NO_ROUTE") + short("e") + short("k")), .deliver(2),
        ]
        var bytes = frames.flatMap(\.bytes)
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        return bytes
    }
}
