/// A WebSocket frame of a client, with its payload unmasked.
struct ReceivedFrame<Bytes> {
    enum Kind { case text, binary, continuation, ping, pong, close, reserved }

    var kind: Kind
    var isFinal = true
    var isMasked = true
    var hasReservedBits = false
    var payload: Bytes
}

/// A violation of RFC 6455 or of this server's limits. The raw value is the close code.
enum FrameViolation: UInt16 {
    case protocolError = 1_002
    case unsupportedData = 1_003
    case invalidUTF8 = 1_007
    case tooManyFragments = 1_008
    case messageTooLarge = 1_009
}

/// Limits of a client's message.
enum MessageLimits {
    static let bytes = 65_536
    static let fragments = 64
}

/// Assembles messages from the frames of a client by RFC 6455, within ``MessageLimits``.
struct FrameAssembly<Bytes: RangeReplaceableCollection & Equatable> where Bytes.Element == UInt8 {
    enum Step: Equatable {
        /// The message is not complete.
        case incomplete
        case text(Bytes)
        case ping(Bytes)
        case pong(Bytes)
        /// The client closes, with this code, which the answer repeats.
        case close(code: UInt16)
        case violation(FrameViolation)
    }

    private var message: Bytes?
    private var fragments = 0

    /// Whether a message has begun and is not complete.
    var isUnderWay: Bool { message != nil }

    mutating func receive(_ frame: ReceivedFrame<Bytes>) -> Step {
        // A client must mask its frames (5.1). Reserved bits belong to extensions, and none is negotiated
        // (5.2).
        guard frame.isMasked, !frame.hasReservedBits else { return .violation(.protocolError) }
        switch frame.kind {
        case .text: return begin(frame)
        case .continuation: return append(frame)
        case .binary: return .violation(.unsupportedData)
        case .ping: return .ping(frame.payload)
        case .pong: return .pong(frame.payload)
        case .close: return close(frame.payload)
        case .reserved: return .violation(.protocolError)
        }
    }

    private mutating func begin(_ frame: ReceivedFrame<Bytes>) -> Step {
        guard message == nil else { return .violation(.protocolError) }
        if frame.isFinal { return complete(frame.payload) }
        message = frame.payload
        fragments = 1
        return .incomplete
    }

    private mutating func append(_ frame: ReceivedFrame<Bytes>) -> Step {
        guard let count = message?.count else { return .violation(.protocolError) }
        guard count + frame.payload.count <= MessageLimits.bytes else { return .violation(.messageTooLarge) }
        fragments += 1
        guard fragments <= MessageLimits.fragments else { return .violation(.tooManyFragments) }
        message?.append(contentsOf: frame.payload)
        guard frame.isFinal, let whole = message else { return .incomplete }
        message = nil
        return complete(whole)
    }

    private func complete(_ message: Bytes) -> Step {
        Self.isUTF8(message) ? .text(message) : .violation(.invalidUTF8)
    }

    private func close(_ payload: Bytes) -> Step {
        if payload.isEmpty { return .close(code: 1_000) }
        let code = payload.prefix(2).reduce(0 as UInt16) { $0 << 8 | UInt16($1) }
        guard payload.count >= 2, Self.mayBeSent(code), Self.isUTF8(payload.dropFirst(2)) else {
            return .violation(.protocolError)
        }
        return .close(code: code)
    }

    private static func isUTF8(_ bytes: some Sequence<UInt8>) -> Bool { String(validating: bytes, as: UTF8.self) != nil }

    /// RFC 6455, 7.4: the codes that an endpoint may send.
    private static func mayBeSent(_ code: UInt16) -> Bool {
        switch code {
        case 1_000...1_003, 1_007...1_011, 3_000...4_999: true
        default: false
        }
    }
}
