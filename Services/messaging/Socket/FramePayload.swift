import NIOCore
import NIOWebSocket

/// What is in the frames that leave. The encoder puts a frame's header before it, for which there is room, so that a frame is one write.
extension ByteBuffer {
    /// RFC 6455, 5.2: of an unmasked frame.
    private static let maximumHeader = 10

    /// The frame `text` with `n` as its first member.
    static func payload(_ text: [UInt8], numbered n: Int64) -> ByteBuffer {
        let opening = ServerFrame.opening(n)
        var buffer = roomy(opening.utf8.count + text.count)
        buffer.writeString(opening)
        buffer.writeBytes(text.dropFirst())
        return buffer
    }

    static func payload(_ text: [UInt8]) -> ByteBuffer {
        var buffer = roomy(text.count)
        buffer.writeBytes(text)
        return buffer
    }

    private static func roomy(_ bytes: Int) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(maximumHeader + bytes)
        buffer.moveWriterIndex(to: maximumHeader)
        buffer.moveReaderIndex(to: maximumHeader)
        return buffer
    }
}

extension WebSocketFrame {
    static func closing(_ code: WebSocketErrorCode) -> WebSocketFrame {
        WebSocketFrame(
            fin: true, opcode: .connectionClose, data: ByteBuffer(integer: UInt16(webSocketErrorCode: code)))
    }
}
