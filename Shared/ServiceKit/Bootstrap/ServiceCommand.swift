import ArgumentParser

/// What the command line asks a service to do.
package enum ServiceCommand: Sendable {
    /// Apply migrations, then serve until SIGTERM or SIGINT.
    case serve
    /// Apply migrations and exit.
    case migrate
    case deadLetters(DeadLetterCommand)
    case custom(any CustomCommand)

    /// The command of type `Command`, if that is what was asked for.
    package func custom<Command>(_: Command.Type = Command.self) -> Command? {
        guard case .custom(let command) = self else { return nil }
        return command as? Command
    }
}

/// A command that only one service has, such as `users make-admin <username>`.
package protocol CustomCommand: ParsableCommand, Sendable {}

/// What to do with dead letters: events that failed too often.
package enum DeadLetterCommand: Equatable, Sendable {
    /// List the oldest dead letters, at most `limit`.
    case list(limit: Int)
    /// Return dead letters to their queues.
    case replay(DeadLetterSelection)
    /// Delete dead letters.
    case drop(DeadLetterSelection)
}

package enum DeadLetterSelection: Equatable, Sendable {
    case all
    /// Event ids, as `list` prints them.
    case ids([String])
}

/// A command that this service cannot run; `description` says why.
package struct UsageError: Error, Equatable, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}
