/// What went wrong; ``mayHaveHappened`` says whether the message may have been taken all the same.
package enum AMQPError: Error, Hashable, Sendable {
    /// There is no open connection or channel now; nothing was sent.
    case notConnected(String)
    /// The broker asked us not to publish; nothing was sent.
    case blocked(String)
    /// The output buffer or the window of unconfirmed messages is full; nothing was sent.
    case full
    /// The message cannot be put on the wire (a text beyond 255 bytes, a body beyond the bound); nothing was sent.
    case invalid(String)
    /// No queue took the message.
    case unroutable(code: UInt16, text: String)
    /// The broker refused the message: a queue is full, or could not store it.
    case rejected
    /// The connection went before the broker's answer.
    case unconfirmed(String)
    /// The broker closed the channel, for example 403 for what we may not do, 404 for what does not exist, 406 for a queue declared otherwise.
    case channelClosed(code: UInt16, text: String)
    /// The broker refused the login, the vhost or an administrative operation.
    case refused(code: UInt16, text: String)
    /// The waiting task was cancelled.
    case cancelled(sent: Bool)

    package var mayHaveHappened: Bool {
        switch self {
        case .unconfirmed, .channelClosed: true
        case .cancelled(let sent): sent
        case .notConnected, .blocked, .full, .invalid, .unroutable, .rejected, .refused: false
        }
    }
}
