/// Decides what the next part of a request means. The application receives only requests that have arrived
/// whole.
///
/// The caller keeps the bytes; this value counts them.
struct RequestAssembly {
    /// Bytes of a body: 64 KiB.
    static let maximumBody = 65_536

    enum Step: Equatable {
        /// Keep the part and wait for the next one.
        case incomplete
        /// The client waits for a `100 Continue` before it sends the body (RFC 9110, 10.1.1).
        case sendContinue
        case complete
        /// The body is too large. The connection must close: the rest of the body would be read as requests.
        case tooLarge
        /// The part belongs to a request that was rejected before.
        case ignored
    }

    private enum State {
        case idle
        case body(received: Int)
        case rejected
    }

    private var state = State.idle

    /// Whether a head has arrived and its body has not, or not whole.
    var isUnderWay: Bool { if case .body = state { true } else { false } }

    /// - Parameters:
    ///   - contentLength: the declared length of the body, if any.
    ///   - expectsContinue: whether the client sent `Expect: 100-continue`.
    mutating func receiveHead(contentLength: Int?, expectsContinue: Bool) -> Step {
        guard case .idle = state else { return .ignored }
        if let contentLength, contentLength > Self.maximumBody {
            state = .rejected
            return .tooLarge
        }
        state = .body(received: 0)
        return expectsContinue ? .sendContinue : .incomplete
    }

    mutating func receiveBody(byteCount: Int) -> Step {
        guard case .body(let received) = state else { return .ignored }
        guard received + byteCount <= Self.maximumBody else {
            state = .rejected
            return .tooLarge
        }
        state = .body(received: received + byteCount)
        return .incomplete
    }

    mutating func receiveEnd() -> Step {
        guard case .body = state else { return .ignored }
        state = .idle
        return .complete
    }
}
