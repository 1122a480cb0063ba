import Contracts
import Edge

/// What a socket tells.
struct SocketEvent: Sendable {
    enum Kind: Sendable {
        /// A client was let in; it hears nothing and is not heard until the port is opened.
        case arrived(HandshakeResult)
        case frame(ClientFrame)
        case badFrame(BadFrame)
        /// The client goes too far, and is heard no more: it is to be closed, after what it has been told.
        case policyViolated
        /// The client has certainly received everything up to this frame.
        case confirmed(upTo: Int64)
        /// What was waiting to leave has left, or most of it.
        case drained
        case left
    }

    let port: SocketHandle
    let kind: Kind
}

/// Hears what sockets tell.
protocol SocketEventReceiver: Sendable {
    /// What the sockets of a loop have to tell after a round of reading, each in its order. Called on their loop; must not block.
    func receive(_ events: [SocketEvent])
}

/// Whoever was let in.
struct HandshakeResult: Sendable {
    let caller: Caller
    /// The connection that the client comes back to, and the last frame of it that it has seen.
    let resume: Resumption?
}

/// `?resume=<connectionId>.<n>`
struct Resumption: Hashable, Sendable {
    let connectionID: String
    let lastN: Int64

    init?(_ text: some StringProtocol) {
        guard let dot = text.lastIndex(of: "."), let n = Int64(text[text.index(after: dot)...]), n >= 0, dot > text.startIndex,
            text.utf8.count <= 100
        else { return nil }
        (connectionID, lastN) = (String(text[..<dot]), n)
    }
}
