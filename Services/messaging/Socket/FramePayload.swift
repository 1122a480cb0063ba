import NIOCore
import NIOWebSocket

/// The frames of texts that leave, whole: NIO's encoder copies a frame's parts so that nobody owns its buffer alone, and writes its header apart.
extension ByteBuffer {
    /// RFC 6455, 5.2: of an unmasked frame.
    private static let maximumHeader = 10

    /// The frame `text` with `n` as its first member.
    static func frame(_ text: [UInt8], numbered n: Int64) -> ByteBuffer {
        let opening = ServerFrame.opening(n)
        var buffer = headed(opening.utf8.count + text.count - 1)
        buffer.writeString(opening)
        buffer.writeBytes(text[1...])
        return buffer
    }

    static func frame(_ text: [UInt8]) -> ByteBuffer {
        var buffer = headed(text.count)
        buffer.writeBytes(text)
        return buffer
    }

    /// 5.2: the header of a text of so many bytes, final and unmasked, with room for them.
    private static func headed(_ length: Int) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(maximumHeader + length)
        buffer.writeInteger(UInt8(0x81))
        switch length {
        case ..<126: buffer.writeInteger(UInt8(length))
        case ...Int(UInt16.max): buffer.writeMultipleIntegers(UInt8(126), UInt16(length))
        default: buffer.writeMultipleIntegers(UInt8(127), UInt64(length))
        }
        return buffer
    }
}

extension WebSocketFrame {
    static func closing(_ code: WebSocketErrorCode) -> WebSocketFrame {
        WebSocketFrame(
            fin: true, opcode: .connectionClose, data: ByteBuffer(integer: UInt16(webSocketErrorCode: code)))
    }
}
