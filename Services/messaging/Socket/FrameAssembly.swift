import NIOCore
import NIOWebSocket

/// Puts messages together from a client's frames, by RFC 6455, within bounds. Pure.
struct FrameAssembly {
    /// Bytes of a message.
    static let maximumMessage = 65_536
    /// Frames of a message.
    static let maximumFragments = 64

    enum Step: Equatable {
        /// Not whole yet.
        case more
        case text(ByteBuffer)
        case ping(ByteBuffer)
        case pong(ByteBuffer)
        /// With the code that the client gave, if it gave one that may be given back.
        case close(WebSocketErrorCode)
        /// Against the rules: the code to close with.
        case violation(WebSocketErrorCode)
    }

    private var message: ByteBuffer?
    private var fragments = 0

    /// A message has begun and is not whole.
    var isUnderWay: Bool { message != nil }

    mutating func take(_ frame: WebSocketFrame) -> Step {
        // A client must mask (5.1), and extensions were not agreed on (5.2).
        guard frame.maskKey != nil, !frame.rsv1, !frame.rsv2, !frame.rsv3 else { return .violation(.protocolError) }
        switch frame.opcode {
        case .text: return begin(frame)
        case .continuation: return goOn(frame)
        case .binary: return .violation(.unacceptableData)
        case .ping: return .ping(frame.unmaskedData)
        case .pong: return .pong(frame.unmaskedData)
        case .connectionClose: return close(frame.unmaskedData)
        default: return .violation(.protocolError)
        }
    }

    private mutating func begin(_ frame: WebSocketFrame) -> Step {
        guard message == nil else { return .violation(.protocolError) }
        if frame.fin { return whole(frame.unmaskedData) }
        (message, fragments) = (frame.unmaskedData, 1)
        return .more
    }

    private mutating func goOn(_ frame: WebSocketFrame) -> Step {
        guard var message else { return .violation(.protocolError) }
        var data = frame.unmaskedData
        fragments += 1
        guard message.readableBytes + data.readableBytes <= Self.maximumMessage else { return .violation(.messageTooLarge) }
        guard fragments <= Self.maximumFragments else { return .violation(.policyViolation) }
        message.writeBuffer(&data)
        self.message = frame.fin ? nil : message
        return frame.fin ? whole(message) : .more
    }

    private func whole(_ message: ByteBuffer) -> Step {
        String(validating: message.readableBytesView, as: UTF8.self) == nil
            ? .violation(.dataInconsistentWithMessage) : .text(message)
    }

    private func close(_ data: ByteBuffer) -> Step {
        var data = data
        if data.readableBytes == 0 { return .close(.normalClosure) }
        guard let number = data.readInteger(as: UInt16.self), Self.mayBeGiven(number),
            String(validating: data.readableBytesView, as: UTF8.self) != nil
        else { return .violation(.protocolError) }
        return .close(WebSocketErrorCode(codeNumber: Int(number)))
    }

    /// 7.4: which codes may stand on the wire.
    private static func mayBeGiven(_ code: UInt16) -> Bool {
        switch code {
        case 1_000...1_003, 1_007...1_011, 3_000...4_999: true
        default: false
        }
    }
}
