import Contracts
import Edge
import NIOCore
import NIOEmbedded
import NIOWebSocket
import TestSupport
import Testing

@testable import Messaging

/// A socket on a loop whose time passes when a test says so.
@Suite("Silent clients, and those that do not take what they ask for") struct KeepAliveTests {
    private struct Told: SocketEventReceiver {
        let confirmed = Seen<Int64>()

        func receive(_ events: [SocketEvent]) {
            for event in events {
                if case .confirmed(let n) = event.kind { confirmed.add(n) }
            }
        }
    }

    private struct Line {
        let channel = EmbeddedChannel()
        let sockets: LoopSockets
        let told = Told()
        let handler: SocketHandler

        init() throws {
            let caller = Caller(userID: UserID(rawValue: 1), sessionID: SessionID(rawValue: 1), roles: [])
            sockets = LoopSockets(
                number: 0, heartbeat: 1, framesPerSecond: { 10_000 }, events: told, on: channel.embeddedEventLoop)
            handler = SocketHandler(HandshakeResult(caller: caller, resume: nil), sockets: sockets)
            try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
            let decoder = ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: FrameAssembly.maximumMessage))
            try channel.pipeline.syncOperations.addHandlers([WebSocketFrameEncoder(), decoder, handler])
            _ = handler.perform(.open)
        }

        func hear(_ bytes: [UInt8]) throws {
            try channel.writeInbound(ByteBuffer(bytes: bytes))
            channel.embeddedEventLoop.run()
        }

        /// What was said since, as the client reads it.
        func frames() throws -> [WebSocketFrame] {
            let client = EmbeddedChannel(handler: ByteToMessageHandler(WebSocketFrameDecoder()))
            while let bytes = try channel.readOutbound(as: ByteBuffer.self) { try client.writeInbound(bytes) }
            var frames: [WebSocketFrame] = []
            while let frame = try client.readInbound(as: WebSocketFrame.self) { frames.append(frame) }
            _ = try client.finish()
            return frames
        }

        /// Likewise, as opcodes; a close as its code.
        func said() throws -> [Int] {
            try frames().map { frame in
                var data = frame.data
                return frame.opcode == .connectionClose
                    ? data.readInteger(as: UInt16.self).map(Int.init) ?? 0 : Int(UInt8(webSocketOpcode: frame.opcode))
            }
        }
    }

    @Test("a client that answers pings stays, and confirms what it has; one that does not is let go at the third")
    func silent() throws {
        let line = try Line()
        _ = line.handler.perform(.send(.frame(Array("{}".utf8)), n: 5))
        line.handler.flush()
        #expect(try line.said() == [1])
        for _ in 0..<10 {
            line.sockets.tick()
            let ping = try #require(try line.frames().first)
            #expect(ping.opcode == .ping)
            try line.hear(RawClient.frame(10, Array(ping.data.readableBytesView)))
        }
        #expect(line.told.confirmed.all == Array(repeating: 5, count: 10))
        // More than was ever sent is confirmed by nobody.
        try line.hear(RawClient.frame(10, [0, 0, 0, 0, 0, 0, 0, 6]))
        #expect(line.told.confirmed.count == 10)
        for _ in 0..<2 { line.sockets.tick() }
        #expect(try line.said() == [9, 9])
        line.sockets.tick()
        #expect(try line.said() == [1_001])
        line.channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(!line.channel.isActive && line.sockets.count == 0)
    }

    @Test("half a frame, or a message that does not end, is no sign of life", arguments: [true, false])
    func unfinished(isFrame: Bool) throws {
        let line = try Line()
        let frame = RawClient.frame(1, Array("half of it".utf8), fin: isFrame)
        try line.hear(Array(isFrame ? frame.dropLast(3) : frame[...]))
        for _ in 0..<3 { line.sockets.tick() }
        let said = try line.said()
        #expect(said.last == 1_001 && said.count <= 4)
    }

    @Test("a client that goes on sending in pieces what never becomes whole is let go too")
    func dribbling() throws {
        let line = try Line()
        try line.hear(RawClient.frame(1, Array("a".utf8), fin: false))
        var beats = 0
        while line.sockets.count > 0, try line.said().last != 1_001, beats < 10 {
            try line.hear(RawClient.frame(0, Array("b".utf8), fin: false))
            line.sockets.tick()
            beats += 1
        }
        #expect(beats <= 4)
    }

    @Test("pings are not answered while the client takes nothing, so that answers do not pile up")
    func pingsUnanswered() throws {
        let line = try Line()
        line.channel.isWritable = false
        for _ in 0..<1_000 { try line.hear(RawClient.frame(9, [1])) }
        #expect(try line.said().isEmpty)
        line.channel.isWritable = true
        try line.hear(RawClient.frame(9, [1]))
        #expect(try line.said() == [10])
    }

    @Test("a close is answered and the socket ends at once; one of ours waits a moment for the answer")
    func closing() throws {
        let asked = try Line()
        try asked.hear(RawClient.frame(8, [0x03, 0xE8]))
        #expect(try asked.said() == [1_000])
        #expect(!asked.channel.isActive)
        let ours = try Line()
        _ = ours.handler.perform(.close(.moved))
        #expect(try ours.said() == [4_001])
        #expect(ours.channel.isActive)
        try ours.hear(RawClient.frame(1, Array("{}".utf8)))
        #expect(ours.channel.isActive)
        try ours.hear(RawClient.frame(8, [0x0F, 0xA1]))
        #expect(!ours.channel.isActive)
    }
}
