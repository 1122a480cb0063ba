import Contracts
import Identity

/// What sockets tell. Called on their loops; must not block.
protocol SocketEvents: Sendable {
    /// A client was let in; it hears nothing and is not heard until the port is opened.
    func arrived(_ port: Port, _ guest: Guest)
    func received(_ frame: ClientFrame, on port: Port)
    func received(_ bad: BadFrame, on port: Port)
    /// The client goes too far, and is heard no more: it is to be closed, after what it has been told.
    func wentTooFar(_ port: Port)
    /// The client has certainly received everything up to frame `n`.
    func confirmed(upTo n: Int64, on port: Port)
    /// What was waiting to leave has left, or most of it.
    func drained(_ port: Port)
    func left(_ port: Port)
}

/// Whoever was let in.
struct Guest: Sendable {
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
