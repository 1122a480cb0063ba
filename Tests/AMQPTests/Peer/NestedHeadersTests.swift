import TestSupport
import Testing

@testable import AMQP

@Suite("Nested headers", .timeLimit(.minutes(2))) struct NestedHeadersTests {
    /// The largest possible header frame, filled with nested containers.
    private static func properties(_ kind: Character) -> [UInt8] {
        // A table names its values, an array does not.
        let level = kind == "F" ? 6 : 5
        let depth = (131_072 - 8 - 14 - 4 - 7) / level
        var value: [[UInt8]] = []
        for inner in (0..<depth).reversed() {
            let size = big(UInt32(inner * level))
            value.append((kind == "F" ? [0] : []) + [kind.asciiValue ?? 0] + size)
        }
        let table = (kind == "F" ? [] : [0]) + value.flatMap(\.self)
        return [0x20, 0] + big(UInt32(table.count)) + table
    }

    @Test(
        "headers nested as deep as a frame allows are harmless",
        arguments: ["A", "F"] as [Character])
    func deep(kind: Character) async throws {
        let frames = [
            Frame.deliver(1), .header(bodySize: 0, channel: 1, properties: Self.properties(kind)), .deliver(2),
            .header(bodySize: 0, channel: 1),
        ]
        let script: ScriptedBroker.Script = { frame, client in
            guard frame.isPublish else { return false }
            client.socket.send(frames.flatMap(\.bytes))
            client.send(.ack(1))
            return true
        }
        try await ScriptedBroker.with(script) { peer in
            try await withConnection(.peer(peer.port)) { connection in
                let seen = ValueRecorder<AMQPDelivery>()
                let consumer = AMQPConsumer(queue: AMQPQueue("q"), noAck: true) { seen.add($0) }
                let channel = try await connection.opened(AMQPChannelSetup(name: "test", consumers: [consumer]))
                #expect(await channel.failure(.to("q")) == nil)
                #expect(seen.count == 2)
                #expect(seen.all.first?.properties.headers.isEmpty == false)
            }
        }
    }
}
