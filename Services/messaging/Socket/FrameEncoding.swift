import NIOCore
import NIOWebSocket

/// Encodes outbound text frames into one buffer. NIO's encoder would write the header apart from the payload.
extension ByteBuffer {
    /// Bytes of the header of an unmasked frame (RFC 6455, 5.2).
    private static let maximumHeader = 10

    /// Returns the frame of `text` with `n` as its first member.
    static func frame(_ text: [UInt8], numbered n: Int64) -> ByteBuffer {
        let opening = ServerFrame.opening(n)
        var buffer = withHeader(payloadBytes: opening.utf8.count + text.count - 1)
        buffer.writeString(opening)
        buffer.writeBytes(text[1...])
        return buffer
    }

    static func frame(_ text: [UInt8]) -> ByteBuffer {
        var buffer = withHeader(payloadBytes: text.count)
        buffer.writeBytes(text)
        return buffer
    }

    /// Returns the header of a final, unmasked text frame (RFC 6455, 5.2), with capacity for the payload.
    private static func withHeader(payloadBytes: Int) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(maximumHeader + payloadBytes)
        buffer.writeInteger(UInt8(0x81))
        switch payloadBytes {
        case ..<126: buffer.writeInteger(UInt8(payloadBytes))
        case ...Int(UInt16.max): buffer.writeMultipleIntegers(UInt8(126), UInt16(payloadBytes))
        default: buffer.writeMultipleIntegers(UInt8(127), UInt64(payloadBytes))
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

extension ReceivedFrame<ByteBufferView> {
    init(_ frame: WebSocketFrame) {
        let kind: Kind =
            switch frame.opcode {
            case .text: .text
            case .binary: .binary
            case .continuation: .continuation
            case .ping: .ping
            case .pong: .pong
            case .connectionClose: .close
            default: .reserved
            }
        self.init(
            kind: kind, isFinal: frame.fin, isMasked: frame.maskKey != nil,
            hasReservedBits: frame.rsv1 || frame.rsv2 || frame.rsv3, payload: frame.unmaskedData.readableBytesView)
    }
}
