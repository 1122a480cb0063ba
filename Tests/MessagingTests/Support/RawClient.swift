import Foundation
import NIOCore
import NIOPosix
import TestSupport

/// A client that sends arbitrary bytes and decodes the frames of the server.
final class RawClient {
    /// A text frame of the server.
    struct TextFrame: Decodable, Equatable {
        var type: String
        var n: Int64?
        var connectionId: String?
        var resumed: Bool?
        var ref: String?
        var code: String?
        var reason: String?
        var url: String?
        var afterMs: Int?
        var seq: Int64?
        var userId: String?
        var online: Bool?
    }

    private let channel: any Channel
    private var chunks: AsyncStream<ByteBuffer>.Iterator
    private var buffer = ByteBuffer()

    private init(_ channel: any Channel, _ chunks: AsyncStream<ByteBuffer>) {
        self.channel = channel
        self.chunks = chunks.makeAsyncIterator()
    }

    deinit { channel.close(promise: nil) }

    /// - Parameter receiveBuffer: bytes that the kernel buffers for a client that does not read.
    static func connect(to port: Int, receiveBuffer: Int? = nil) async throws -> RawClient {
        let (chunks, continuation) = AsyncStream.makeStream(of: ByteBuffer.self)
        var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(InboundCollector(continuation))
            }
        }
        if let receiveBuffer { bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: receiveBuffer) }
        return RawClient(try await bootstrap.connect(host: "127.0.0.1", port: port).get(), chunks)
    }

    // MARK: Sending

    /// Returns the head of the response to an upgrade.
    func requestUpgrade(_ path: String, _ headers: [String], method: String = "GET", early: [UInt8] = []) async throws -> String {
        let lines =
            ["\(method) \(path) HTTP/1.1", "Host: x", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
            + ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="] + headers
        await send(Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + early)
        while true {
            let text = String(buffer: buffer)
            if let end = text.range(of: "\r\n\r\n") {
                let head = String(text[..<end.upperBound])
                buffer.moveReaderIndex(forwardBy: head.utf8.count)
                return head
            }
            guard await readMore() else { throw NotYet(description: "the connection ended with \(text)") }
        }
    }

    /// Ignores errors: the server may have closed the connection.
    func send(_ bytes: [UInt8]) async { try? await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get() }

    func sendText(_ text: String) async { await send(Self.frame(1, Array(text.utf8))) }

    static func frame(_ opcode: UInt8, _ payload: [UInt8] = [], fin: Bool = true, masked: Bool = true, reserved: UInt8 = 0)
        -> [UInt8]
    {
        var bytes = [(fin ? 0x80 : 0) | reserved << 4 | opcode]
        let mask: UInt8 = masked ? 0x80 : 0
        switch payload.count {
        case ..<126: bytes.append(mask | UInt8(payload.count))
        case ..<65_536: bytes += [mask | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        default: bytes += [mask | 127] + (0..<8).map { UInt8(truncatingIfNeeded: payload.count >> (56 - 8 * $0)) }
        }
        if !masked { return bytes + payload }
        let key: [UInt8] = [7, 77, 177, 200]
        return bytes + key + payload.enumerated().map { $1 ^ key[$0 % 4] }
    }

    // MARK: Receiving

    /// Pauses or resumes reading.
    func setReading(_ isReading: Bool) async throws { try await channel.setOption(.autoRead, value: isReading).get() }

    /// Returns the next text frame; skips pings.
    func nextText() async throws -> TextFrame {
        var next = await nextFrame()
        while next?.opcode == 9 { next = await nextFrame() }
        guard let frame = next else { throw NotYet(description: "the connection has ended") }
        guard frame.opcode == 1 else { throw NotYet(description: "a frame \(frame) instead of a text") }
        return try JSONDecoder().decode(TextFrame.self, from: Data(frame.payload))
    }

    /// Returns the next frame of any kind; `nil` at the end.
    func nextFrame() async -> (opcode: UInt8, payload: [UInt8])? {
        while true {
            if let frame = decodeFrame() { return frame }
            guard await readMore() else { return nil }
        }
    }

    /// All texts until the other side closes, and its code; `nil` when it went without one. A close is
    /// answered.
    func readToClose() async throws -> (texts: [TextFrame], code: UInt16?) {
        var (texts, code): ([TextFrame], UInt16?) = ([], nil)
        while let frame = await nextFrame() {
            switch frame.opcode {
            case 1: texts.append(try JSONDecoder().decode(TextFrame.self, from: Data(frame.payload)))
            case 8:
                await send(Self.frame(8, frame.payload))
                code = frame.payload.count >= 2 ? UInt16(frame.payload[0]) << 8 | UInt16(frame.payload[1]) : nil
            default: break
            }
        }
        return (texts, code)
    }

    /// Returns all bytes until the end.
    func readToEnd() async -> String {
        while await readMore() {}
        return String(buffer: buffer)
    }

    private func readMore() async -> Bool {
        guard var chunk = await chunks.next(isolation: #isolation) else { return false }
        buffer.writeBuffer(&chunk)
        return true
    }

    private func decodeFrame() -> (opcode: UInt8, payload: [UInt8])? {
        var rest = buffer
        guard let first = rest.readInteger(as: UInt8.self), let second = rest.readInteger(as: UInt8.self) else { return nil }
        let length: Int? =
            switch second {
            case 126: rest.readInteger(as: UInt16.self).map(Int.init)
            case 127: rest.readInteger(as: UInt64.self).map(Int.init)
            default: Int(second)
            }
        guard let length, let payload = rest.readBytes(length: length) else { return nil }
        buffer = rest
        return (first & 0x0F, payload)
    }
}

/// Yields the bytes that a client's socket receives.
private final class InboundCollector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let continuation: AsyncStream<ByteBuffer>.Continuation

    init(_ continuation: AsyncStream<ByteBuffer>.Continuation) { self.continuation = continuation }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { continuation.yield(unwrapInboundIn(data)) }
    func channelInactive(context: ChannelHandlerContext) { continuation.finish() }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
