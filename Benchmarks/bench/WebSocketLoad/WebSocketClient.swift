import Foundation
import NIOCore
import NIOWebSocket

/// One client: upgrades its connection, reports received frames to its load generator, and answers pings.
final class WebSocketClient: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = WebSocketFrame

    private static let key = "bWFydGxldCBpcyBmYXN0ISE="
    private static let mask: WebSocketMaskingKey = [0x6D, 0x61, 0x72, 0x74]
    /// The maximum size of the header of a masked frame. RFC 6455, 5.2.
    private static let maximumHeaderSize = 14

    let number: Int
    private let generator: LoadGenerator
    private let user: ConnectionPlan.VirtualUser
    /// The constant part of a `send` frame, after the reference.
    private let chatAndKey: [UInt8]
    private var context: ChannelHandlerContext?
    /// The response to the upgrade, until it is complete.
    private var response: ByteBuffer?
    private var isUpgraded = false
    private var scanner = FrameScanner()

    init(_ number: Int, _ user: ConnectionPlan.VirtualUser, of generator: LoadGenerator) {
        self.number = number
        self.user = user
        self.generator = generator
        chatAndKey = Array(#","chatId":"\#(user.chat ?? "")","clientMessageId":"\#(generator.name)-"#.utf8)
    }

    // MARK: Connecting

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        let request = """
            GET \(user.path) HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \(Self.key)\r\nAuthorization: Bearer \(user.token)\r\n\r\n
            """
        context.writeAndFlush(NIOAny(ByteBuffer(string: request)), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        let reason = isUpgraded ? "the server closed the connection" : String(buffer: response ?? ByteBuffer())
        generator.disconnected(self, reason: reason)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let received = unwrapInboundIn(data)
        if isUpgraded { return receive(received) }
        var all = response ?? ByteBuffer()
        all.writeImmutableBuffer(received)
        response = all
        let text = String(buffer: all)
        guard let end = text.range(of: "\r\n\r\n") else { return }
        guard text.hasPrefix("HTTP/1.1 101") else { return context.close(promise: nil) }
        isUpgraded = true
        response = nil
        try? context.pipeline.syncOperations.addHandler(WebSocketFrameEncoder(), position: .first)
        generator.upgraded(self)
        all.moveReaderIndex(forwardBy: text[..<end.upperBound].utf8.count)
        receive(all)
    }

    // MARK: Frames

    private func receive(_ received: ByteBuffer) {
        scanner.scan(received) { opcode, content in
            switch opcode {
            case .text: generator.received(ReceivedFrame(content), by: self)
            case .ping: write(.pong, ByteBuffer(bytes: content))
            default: break
            }
        }
    }

    /// Sends message `number` of this process to the chat of the user.
    func send(_ number: Int) {
        let digits = String(number)
        var text = ByteBuffer()
        // The encoder writes the header into the space before the text.
        text.reserveCapacity(Self.maximumHeaderSize + chatAndKey.count + Self.words.count + 64)
        text.moveWriterIndex(to: Self.maximumHeaderSize)
        text.moveReaderIndex(to: Self.maximumHeaderSize)
        text.writeStaticString(#"{"type":"send","ref":"#)
        text.writeString(digits)
        text.writeBytes(chatAndKey)
        text.writeString(digits)
        text.writeStaticString(##"","text":"#"##)
        text.writeString(digits)
        text.writeBytes(Self.words)
        write(.text, text)
    }

    private static let words = Array(
        #"# The quick brown fox jumps over the lazy dog, and back again over another one; then it sits down to write."}"#.utf8)

    private func write(_ opcode: WebSocketOpcode, _ data: ByteBuffer) {
        let frame = WebSocketFrame(fin: true, opcode: opcode, maskKey: Self.mask, data: data)
        context?.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    }
}
