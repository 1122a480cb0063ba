/// An AMQP failure. ``mayHaveHappened`` says whether the broker may have the message.
package enum AMQPError: Error, Hashable, Sendable {
    /// No connection or channel is open. Nothing was sent.
    case notConnected(String)
    /// The broker has blocked publishing. Nothing was sent.
    case blocked(String)
    /// The output buffer or the confirm window is full. Nothing was sent.
    case full
    /// The message cannot be encoded: a text exceeds 255 bytes, or the body its limit. Nothing was sent.
    case invalid(String)
    /// No queue matched the message.
    case unroutable(code: UInt16, text: String)
    /// The broker rejected the message: a queue is full, or could not store it.
    case rejected
    /// The connection was lost before the broker's answer.
    case unconfirmed(String)
    /// The broker closed the channel: 403 not permitted, 404 not found, 406 declared differently, or another
    /// code.
    case channelClosed(code: UInt16, text: String)
    /// The broker rejected the login, the virtual host or an administrative operation.
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
