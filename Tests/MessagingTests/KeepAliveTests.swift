import Contracts
import Edge
import NIOCore
import NIOEmbedded
import NIOWebSocket
import Synchronization
import TestSupport
import Testing

@testable import Messaging

/// Each test has a socket on an event loop whose time it advances.
@Suite("Keep-alive, and clients that do not read") struct KeepAliveTests {
    private struct Recorder: SocketEventReceiver {
        let acknowledged = ValueRecorder<Int64>()

        func receive(_ events: [SocketEvent]) {
            for event in events {
                if case .acknowledged(let n) = event.kind { acknowledged.add(n) }
            }
        }
    }

    private struct TestSocket {
        let channel = EmbeddedChannel()
        let sockets: LoopSockets
        let recorder = Recorder()
        let handler: SocketHandler

        init() throws {
            let caller = Caller(userID: UserID(rawValue: 1), sessionID: SessionID(rawValue: 1), roles: [])
            sockets = LoopSockets(
                number: 0, heartbeat: 1, framesPerSecond: { 10_000 }, events: recorder, on: channel.embeddedEventLoop)
            handler = SocketHandler(HandshakeResult(caller: caller, resume: nil), sockets: sockets)
            try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
            let decoder = ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: MessageLimits.bytes))
            try channel.pipeline.syncOperations.addHandlers([WebSocketFrameEncoder(), decoder, handler])
            _ = handler.perform(.open)
        }

        func receive(_ bytes: [UInt8]) throws {
            try channel.writeInbound(ByteBuffer(bytes: bytes))
            channel.embeddedEventLoop.run()
        }

        /// Returns the frames sent since the last call, as the client decodes them.
        func frames() throws -> [WebSocketFrame] {
            let client = EmbeddedChannel(handler: ByteToMessageHandler(WebSocketFrameDecoder()))
            while let bytes = try channel.readOutbound(as: ByteBuffer.self) { try client.writeInbound(bytes) }
            var frames: [WebSocketFrame] = []
            while let frame = try client.readInbound(as: WebSocketFrame.self) { frames.append(frame) }
            _ = try client.finish()
            return frames
        }

        /// Returns the same as opcodes, and closes as their codes.
        func sent() throws -> [Int] {
            try frames().map { frame in
                var data = frame.data
                return frame.opcode == .connectionClose
                    ? data.readInteger(as: UInt16.self).map(Int.init) ?? 0 : Int(UInt8(webSocketOpcode: frame.opcode))
            }
        }
    }

    @Test(
        "a client that answers pings stays and acknowledges what it received; one that does not is closed at the third heartbeat")
    func silent() throws {
        let socket = try TestSocket()
        _ = socket.handler.perform(.send(.frame(Array("{}".utf8)), n: 5))
        socket.handler.flush()
        #expect(try socket.sent() == [1])
        for _ in 0..<10 {
            socket.sockets.tick()
            let ping = try #require(try socket.frames().first)
            #expect(ping.opcode == .ping)
            try socket.receive(RawClient.frame(10, Array(ping.data.readableBytesView)))
        }
        #expect(socket.recorder.acknowledged.all == Array(repeating: 5, count: 10))
        // Numbers that were not sent acknowledge nothing.
        for payload in [[0, 0, 0, 0, 0, 0, 0, 6], [0x80, 0, 0, 0, 0, 0, 0, 0], [0, 5]] as [[UInt8]] {
            try socket.receive(RawClient.frame(10, payload))
        }
        #expect(socket.recorder.acknowledged.count == 10)
        for _ in 0..<2 { socket.sockets.tick() }
        #expect(try socket.sent() == [9, 9])
        socket.sockets.tick()
        #expect(try socket.sent() == [1_001])
        socket.channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(!socket.channel.isActive && socket.sockets.count == 0)
    }

    @Test("half a frame, or a message that does not end, does not keep a client alive", arguments: [true, false])
    func unfinished(isFrame: Bool) throws {
        let socket = try TestSocket()
        let frame = RawClient.frame(1, Array("half of it".utf8), fin: isFrame)
        try socket.receive(Array(isFrame ? frame.dropLast(3) : frame[...]))
        for _ in 0..<3 { socket.sockets.tick() }
        let sent = try socket.sent()
        #expect(sent.last == 1_001 && sent.count <= 4)
    }

    @Test("a client that sends fragments of a message that never ends is closed too")
    func dribbling() throws {
        let socket = try TestSocket()
        try socket.receive(RawClient.frame(1, Array("a".utf8), fin: false))
        var beats = 0
        while socket.sockets.count > 0, try socket.sent().last != 1_001, beats < 10 {
            try socket.receive(RawClient.frame(0, Array("b".utf8), fin: false))
            socket.sockets.tick()
            beats += 1
        }
        #expect(beats <= 4)
    }

    @Test("pings are not answered while the client does not read, so that pongs do not accumulate")
    func pingsUnanswered() throws {
        let socket = try TestSocket()
        socket.channel.isWritable = false
        for _ in 0..<1_000 { try socket.receive(RawClient.frame(9, [1])) }
        #expect(try socket.sent().isEmpty)
        socket.channel.isWritable = true
        try socket.receive(RawClient.frame(9, [1]))
        #expect(try socket.sent() == [10])
    }

    @Test("a close of the client is answered and closes at once; one of the server waits for the answer")
    func closing() throws {
        let asked = try TestSocket()
        try asked.receive(RawClient.frame(8, [0x03, 0xE8]))
        #expect(try asked.sent() == [1_000])
        #expect(!asked.channel.isActive)
        let ours = try TestSocket()
        _ = ours.handler.perform(.close(.moved))
        #expect(try ours.sent() == [4_001])
        #expect(ours.channel.isActive)
        try ours.receive(RawClient.frame(1, Array("{}".utf8)))
        #expect(ours.channel.isActive)
        try ours.receive(RawClient.frame(8, [0x0F, 0xA1]))
        #expect(!ours.channel.isActive)
    }

    @Test("draining completes when the last socket closes, or at its limit")
    func draining() throws {
        let socket = try TestSocket()
        let loop = socket.channel.embeddedEventLoop
        let isDrained = Signal()
        socket.sockets.drain(within: .milliseconds(500)).whenSuccess { isDrained.set() }
        loop.advanceTime(by: .milliseconds(499))
        #expect(!isDrained.isSet)
        loop.advanceTime(by: .milliseconds(1))
        #expect(isDrained.isSet)
        let other = try TestSocket()
        let isEmpty = Signal()
        other.sockets.drain(within: .seconds(60)).whenSuccess { isEmpty.set() }
        try other.receive(RawClient.frame(8, [0x03, 0xE8]))
        other.channel.embeddedEventLoop.run()
        #expect(isEmpty.isSet)
    }

    private final class Signal: Sendable {
        private let state = Atomic(false)
        var isSet: Bool { state.load(ordering: .relaxed) }
        func set() { state.store(true, ordering: .relaxed) }
    }
}
