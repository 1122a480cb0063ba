import Contracts

/// What happened on a socket.
struct SocketEvent: Sendable {
    enum Kind: Sendable {
        /// A client was admitted. The socket neither sends nor passes on frames until ``SocketCommand/open``.
        case admitted(HandshakeResult)
        case frame(ClientFrame)
        case badFrame(BadFrame)
        /// The client sent too many frames, or too many bad ones. The socket ignores it from now on and must
        /// be closed, after the frames that were sent to it.
        case policyViolated
        /// The client has received all frames up to this number.
        case acknowledged(upTo: Int64)
        /// The bytes that waited to be sent have been sent, or most of them.
        case drained
        case closed
    }

    let handle: SocketHandle
    let kind: Kind
}

/// Receives the events of sockets.
protocol SocketEventReceiver: Sendable {
    /// Called on the sockets' event loop with the events of one turn, those of each socket in order. Must not
    /// block.
    func receive(_ events: [SocketEvent])
}
