import Foundation
import NIOCore
import NIOWebSocket

/// One client: asks for the upgrade, tells its crowd what it hears, answers pings.
final class LiveSocket: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = WebSocketFrame

    private static let key = "bWFydGxldCBpcyBmYXN0ISE="
    private static let mask: WebSocketMaskingKey = [0x6D, 0x61, 0x72, 0x74]
    /// RFC 6455, 5.2: of a masked frame.
    private static let maximumHeader = 14

    let number: Int
    private let crowd: Crowd
    private let seat: LivePlan.Seat
    private let opening: [UInt8]
    private var context: ChannelHandlerContext?
    private var answer: ByteBuffer?
    private var isUpgraded = false
    private var scanner = FrameScanner()

    init(_ number: Int, _ seat: LivePlan.Seat, of crowd: Crowd) {
        (self.number, self.seat, self.crowd) = (number, seat, crowd)
        opening = Array(#","chatId":"\#(seat.chat ?? "")","clientMessageId":"\#(crowd.name)-"#.utf8)
    }

    // MARK: Coming and going

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        let request = """
            GET \(seat.path) HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \(Self.key)\r\nAuthorization: Bearer \(seat.token)\r\n\r\n
            """
        context.writeAndFlush(NIOAny(ByteBuffer(string: request)), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        crowd.lost(self, why: isUpgraded ? "the server closed it" : String(buffer: answer ?? ByteBuffer()))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let arrived = unwrapInboundIn(data)
        if isUpgraded { return hear(arrived) }
        var all = answer ?? ByteBuffer()
        all.writeImmutableBuffer(arrived)
        answer = all
        let text = String(buffer: all)
        guard let end = text.range(of: "\r\n\r\n") else { return }
        guard text.hasPrefix("HTTP/1.1 101") else { return context.close(promise: nil) }
        isUpgraded = true
        answer = nil
        try? context.pipeline.syncOperations.addHandler(WebSocketFrameEncoder(), position: .first)
        crowd.upgraded(self)
        all.moveReaderIndex(forwardBy: text[..<end.upperBound].utf8.count)
        hear(all)
    }

    // MARK: What is said

    private func hear(_ arrived: ByteBuffer) {
        scanner.take(arrived) { opcode, content in
            switch opcode {
            case .text: crowd.heard(SeenFrame(content), by: self)
            case .ping: write(.pong, ByteBuffer(bytes: content))
            default: break
            }
        }
    }

    /// Message `number` of this process, to the chat of this seat.
    func send(_ number: Int) {
        let digits = String(number)
        var text = ByteBuffer()
        text.reserveCapacity(Self.maximumHeader + opening.count + Self.words.count + 64)
        text.moveWriterIndex(to: Self.maximumHeader)
        text.moveReaderIndex(to: Self.maximumHeader)
        text.writeStaticString(#"{"type":"send","ref":"#)
        text.writeString(digits)
        text.writeBytes(opening)
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
