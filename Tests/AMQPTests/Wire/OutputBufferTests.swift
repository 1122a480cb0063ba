import Foundation
import TestSupport
import Testing

@testable import AMQP

@Suite("The output buffer") struct OutputBufferTests {
    private func written(_ write: (inout OutputBuffer) -> Void) -> [UInt8] {
        var buffer = OutputBuffer()
        write(&buffer)
        return buffer.bytes
    }

    @Test("a heartbeat is eight bytes")
    func heartbeat() {
        #expect(written { $0.heartbeat() } == [8, 0, 0, 0, 0, 0, 0, 0xCE])
    }

    @Test("a method consists of type, channel, size, number, arguments, end")
    func method() {
        #expect(
            written { $0.ack(0x0102, multiple: true, channel: 3) }
                == [1, 0, 3, 0, 0, 0, 13, 0, 0x3C, 0, 0x50, 0, 0, 0, 0, 0, 0, 1, 2, 1, 0xCE])
        #expect(
            written { $0.cancel(consumer: "c1", channel: 1) }
                == [1, 0, 1, 0, 0, 0, 8, 0, 0x3C, 0, 0x1E, 2, UInt8(ascii: "c"), UInt8(ascii: "1"), 0, 0xCE])
    }

    @Test("a body is split into frames of at most the agreed size", arguments: [0, 1, 4_087, 4_088, 4_089, 8_176, 20_000])
    func body(size: Int) {
        let body = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
        let message = AMQPMessage(exchange: "", routingKey: "q", body: body)
        let frames = Frame.all(in: written { _ = $0.publish(message, number: nil, channel: 1, frameMax: 4_096) })
        #expect(frames.map(\.kind) == [1, 2] + [UInt8](repeating: 3, count: (size + 4_087) / 4_088))
        #expect(frames.allSatisfy { $0.payload.count <= 4_088 && $0.channel == 1 })
        #expect(frames.dropFirst(2).flatMap(\.payload) == body)
        #expect(frames[1].payload[4..<12].reduce(0) { $0 << 8 | Int($1) } == size)
    }

    @Test("headers that exceed one frame are rejected, and nothing is appended")
    func largeHeaders() {
        var message = AMQPMessage(exchange: "", routingKey: "q", body: [1])
        message.properties.headers = ["large": .string(String(repeating: "x", count: 5_000))]
        var buffer = OutputBuffer()
        buffer.heartbeat()
        let fits = buffer.publish(message, number: nil, channel: 1, frameMax: 4_096)
        #expect(!fits)
        #expect(buffer.bytes == written { $0.heartbeat() })
    }

    @Test(
        "values that do not fit the wire format are refused with a reason",
        arguments: [
            { $0.exchange = tooLong }, { $0.routingKey = tooLong }, { $0.body = [UInt8](repeating: 0, count: 11) },
            { $0.properties.correlationID = tooLong }, { $0.properties.replyTo = tooLong }, { $0.properties.userID = tooLong },
            { $0.properties.expiration = -1 }, { $0.properties.headers[tooLong] = true },
            { $0.properties.headers["a"] = .array([.table([tooLong: 1])]) },
        ] as [@Sendable (inout AMQPMessage) -> Void])
    func objections(spoil: @Sendable (inout AMQPMessage) -> Void) {
        var message = AMQPMessage(exchange: "e", routingKey: "k", body: [])
        #expect(message.violation(maxBody: 10) == nil)
        spoil(&message)
        #expect(message.violation(maxBody: 10) != nil)
    }

    @Test("255 bytes fit, counted as UTF-8")
    func longest() {
        let text = String(repeating: "ä", count: 127) + "x"
        var message = AMQPMessage(exchange: text, routingKey: text, body: [])
        message.properties.messageID = text
        #expect(message.violation(maxBody: 10) == nil)
        message.routingKey += "x"
        #expect(message.violation(maxBody: 10) != nil)
    }

    @Test("output that a slow socket does not accept is sent later in order, and a large buffer is freed")
    func flush() throws {
        let (ours, theirs) = try LocalSocketPair.make()
        defer { close(ours); close(theirs) }
        let sent = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 / 251) }
        var (buffer, received) = (OutputBuffer(), [UInt8]())
        buffer.put(contentsOf: sent)
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while received.count < sent.count {
            let flushed = buffer.flush(to: ours)
            #expect(flushed == (buffer.count == 0 ? .drained : .pending))
            let count = recv(theirs, &chunk, chunk.count, CInt(MSG_DONTWAIT))
            if count > 0 { received += chunk[..<count] }
        }
        #expect(received == sent)
        let end = buffer.flush(to: ours)
        #expect(end == .drained)
        #expect(buffer.bytes.capacity < sent.count)
    }

    @Test("a closed peer is an error, not a signal")
    func gone() throws {
        let (ours, theirs) = try LocalSocketPair.make()
        close(theirs)
        defer { close(ours) }
        var buffer = OutputBuffer()
        buffer.heartbeat()
        let flushed = buffer.flush(to: ours)
        #expect(flushed == .failed(errno: EPIPE))
    }
}

private let tooLong = String(repeating: "x", count: 256)

@Suite("AMQP tables") struct AMQPTableTests {
    @Test("a table keeps its order, and setting nil removes")
    func order() {
        var table: AMQPTable = ["b": 1, "a": "x"]
        #expect(table.entries.map(\.name) == ["b", "a"])
        table["b"] = nil
        table["c"] = true
        #expect(table.entries.map(\.name) == ["a", "c"])
        #expect(table["a"]?.string == "x")
        #expect(table["b"] == nil)
    }
}
