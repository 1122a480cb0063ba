/// The failure of a command.
package struct RedisError: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Code: Sendable {
        /// There is no connection. Thrown at once; nothing was sent.
        case notConnected
        /// Too many commands or bytes are in flight. Thrown at once; nothing was sent.
        case overloaded
        /// No reply arrived in time.
        case timedOut
        /// The connection was lost while a reply was due.
        case connectionLost
        /// The caller's task was cancelled.
        case cancelled
        /// Redis replied with an error, whose text is ``RedisError/message``.
        case refused
        /// The reply has another type than the command specifies.
        case unexpectedReply
    }

    package let code: Code
    /// For logs. With `refused` it starts with the error code of Redis, such as `WRONGTYPE`.
    package let message: String
    /// Whether the command may have taken effect.
    package let mayHaveHappened: Bool

    init(_ code: Code, _ message: String, mayHaveHappened: Bool) {
        self.code = code
        self.message = message
        self.mayHaveHappened = mayHaveHappened
    }

    static let notConnected = RedisError(.notConnected, "not connected", mayHaveHappened: false)
    static let overloaded = RedisError(.overloaded, "too many commands or bytes in flight", mayHaveHappened: false)
    static let timedOut = RedisError(.timedOut, "no reply in time", mayHaveHappened: true)
    static let connectionLost = RedisError(.connectionLost, "connection lost", mayHaveHappened: true)

    static func cancelled(mayHaveHappened: Bool) -> RedisError {
        RedisError(.cancelled, "cancelled", mayHaveHappened: mayHaveHappened)
    }

    /// The outcome is unknown, because a script may have written before it failed.
    static func refused(_ message: String) -> RedisError { RedisError(.refused, message, mayHaveHappened: true) }

    /// The error of a caller that expects a reply of another type.
    package static func unexpected(_ reply: RedisReply, expected: String) -> RedisError {
        RedisError(.unexpectedReply, "expected \(expected), got \(reply.kind)", mayHaveHappened: true)
    }

    package var description: String { "Redis: \(message) (\(code))" }
}
