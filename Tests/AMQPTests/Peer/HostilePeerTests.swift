import TestSupport
import Testing

@testable import AMQP

/// Bytes that a broker must never send.
struct ProtocolViolation: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let bytes: [UInt8]

    init(_ description: String, _ frames: Frame...) {
        testDescription = description
        bytes = frames.flatMap(\.bytes)
    }

    init(_ description: String, bytes: [UInt8]) {
        testDescription = description
        self.bytes = bytes
    }

    static let all = [
        ProtocolViolation("noise", bytes: [UInt8](repeating: 0x5A, count: 100)),
        ProtocolViolation("another protocol", bytes: Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)),
        ProtocolViolation("a frame larger than agreed", bytes: [3, 0, 1] + big(UInt32(200_000))),
        ProtocolViolation("a frame of four gigabytes", bytes: [3, 0, 1] + big(UInt32.max)),
        ProtocolViolation("a frame without its end marker", bytes: Array(Frame.ack(1).bytes.dropLast()) + [0]),
        ProtocolViolation("a method without a number", Frame(kind: 1, channel: 1, payload: [0, 60])),
        ProtocolViolation("a truncated method", .method(0x003C_0050, channel: 1, [0, 0])),
        ProtocolViolation("an unknown method", .method(0x003C_00FF, channel: 1)),
        ProtocolViolation("a method of an unknown class", .method(0x1234_0001, channel: 1)),
        ProtocolViolation(
            "a method that only clients send", .method(0x003C_0028, channel: 1, [0, 0] + short("") + short("q") + [0])),
        ProtocolViolation("an unexpected reply", .method(0x0032_000B, channel: 1, short("q") + big(UInt64(0)))),
        ProtocolViolation("a channel method on channel 0", .ack(1, channel: 0)),
        ProtocolViolation("a channel that was never opened", .ack(1, channel: 2)),
        ProtocolViolation("the last channel", .ack(1, channel: .max)),
        ProtocolViolation("a header without its method", .header(bodySize: 3, channel: 1)),
        ProtocolViolation(
            "a header of another class", .deliver(1),
            Frame(kind: 2, channel: 1, payload: [0, 10, 0, 0] + big(UInt64(0)) + [0, 0])),
        ProtocolViolation("a truncated header", .deliver(1), Frame(kind: 2, channel: 1, payload: [0, 60, 0])),
        ProtocolViolation("missing properties", .deliver(1), .header(bodySize: 0, channel: 1, properties: [0xFF, 0xFC])),
        ProtocolViolation(
            "a property longer than its frame", .deliver(1), .header(bodySize: 0, channel: 1, properties: [0x80, 0, 200, 1])),
        ProtocolViolation(
            "a table longer than its frame", .deliver(1),
            .header(bodySize: 0, channel: 1, properties: [0x20, 0] + big(UInt32.max))),
        ProtocolViolation(
            "a value of an unknown type", .deliver(1),
            .header(bodySize: 0, channel: 1, properties: [0x20, 0] + big(UInt32(3)) + short("a") + [UInt8(ascii: "?")])),
        ProtocolViolation("a confirm of an unpublished message", .ack(2)),
        ProtocolViolation("a confirm of all messages up to an unpublished one", .ack(.max, multiple: true)),
        ProtocolViolation("a negative confirm of an unpublished message", .method(0x003C_0078, channel: 1, big(UInt64(7)) + [1])),
        ProtocolViolation("a body without its header", .deliver(1), .body([1], channel: 1)),
        ProtocolViolation(
            "a body longer than its header says", .deliver(1), .header(bodySize: 1, channel: 1), .body([1, 2], channel: 1)),
        ProtocolViolation("a message within a message", .deliver(1), .deliver(2)),
        ProtocolViolation("a delivery to an unknown consumer", .deliver(1, consumer: "c7")),
        ProtocolViolation("a delivery to a foreign consumer tag", .deliver(1, consumer: "c99999999999999999999")),
        ProtocolViolation("half a frame, then silence", bytes: [1, 0, 1, 0]),
    ]
}

@Suite("Protocol violations end the connection, never the process", .timeLimit(.minutes(2))) struct HostilePeerTests {
    @Test(
        "a violation drops the connection, messages in flight may have happened, and the next connection works",
        arguments: ProtocolViolation.all)
    func violations(violation: ProtocolViolation) async throws {
        let script: ScriptedBroker.Script = { frame, client in
            guard frame.isPublish else { return false }
            if client.number > 1 {
                client.send(.ack(1))
            } else {
                client.socket.send(violation.bytes)
                if violation.bytes.count < 8 { client.socket.shut() }
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

    @Test("random bytes in any place never affect more than the connection", arguments: UInt64(1)...20)
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
                let (consumer, losses) = (AMQPConsumer(queue: AMQPQueue("q")) { _ in }, ValueRecorder<AMQPError>())
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

    /// Frames that are almost valid.
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
