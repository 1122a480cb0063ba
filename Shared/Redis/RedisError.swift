/// Why a command has no answer.
package struct RedisError: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Code: Sendable {
        /// There is no connection now; nothing was sent. Known at once.
        case notConnected
        /// Too much is on its way already; nothing was sent. Known at once.
        case overloaded
        /// No answer in time.
        case timedOut
        /// The connection went while an answer was due.
        case connectionLost
        /// The caller's task was cancelled.
        case cancelled
        /// Redis answered with an error; ``RedisError/message`` is what it said.
        case refused
        /// An answer of another kind than the command promises.
        case unexpectedReply
    }

    package let code: Code
    /// For logs. Of a refusal it begins with Redis' own code, `WRONGTYPE` for example.
    package let message: String
    /// Whether the command may have taken effect.
    package let mayHaveHappened: Bool

    init(_ code: Code, _ message: String, mayHaveHappened: Bool) {
        self.code = code
        self.message = message
        self.mayHaveHappened = mayHaveHappened
    }

    static let notConnected = RedisError(.notConnected, "not connected", mayHaveHappened: false)
    static let overloaded = RedisError(.overloaded, "too many commands or bytes on their way", mayHaveHappened: false)
    static let timedOut = RedisError(.timedOut, "no answer in time", mayHaveHappened: true)
    static let connectionLost = RedisError(.connectionLost, "connection lost", mayHaveHappened: true)

    static func cancelled(mayHaveHappened: Bool) -> RedisError {
        RedisError(.cancelled, "cancelled", mayHaveHappened: mayHaveHappened)
    }

    /// - Note: A script may have changed something before it failed.
    static func refused(_ message: String) -> RedisError { RedisError(.refused, message, mayHaveHappened: true) }

    /// For whoever takes an answer apart.
    package static func unexpected(_ reply: RedisReply, wanted: String) -> RedisError {
        RedisError(.unexpectedReply, "wanted \(wanted), got \(reply.kind)", mayHaveHappened: true)
    }

    package var description: String { "Redis: \(message) (\(code))" }
}
