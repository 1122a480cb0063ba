/// What the command line asks a service to do.
package enum ServiceCommand: Equatable, Sendable {
    /// Apply migrations, then serve until told to stop.
    case serve
    /// Apply migrations and exit.
    case migrate
    case deadLetters(DeadLetterCommand)
    /// A command of this service only.
    case own(String, arguments: [String])
    case help
    case version
}

/// What to do with the messages that failed too often.
package enum DeadLetterCommand: Equatable, Sendable {
    /// Show them, oldest first.
    case list(limit: Int)
    /// Give them back to their queues.
    case replay(DeadLetterSelection)
    /// Forget them.
    case drop(DeadLetterSelection)
}

package enum DeadLetterSelection: Equatable, Sendable {
    case all
    /// By the event ids that `list` shows.
    case ids([String])
}

/// A command that one service adds, such as `users make-admin <username>`.
package struct OwnCommand: Sendable {
    package let name: String
    /// The arguments as the help shows them: `<username>`. Their number is checked: one for each word.
    package let usage: String
    package let summary: String

    package init(_ name: String, _ usage: String, _ summary: String) {
        (self.name, self.usage, self.summary) = (name, usage, summary)
    }

    var argumentCount: Int { usage.split(separator: " ").count }
}

/// The command line cannot be understood; the description says what can.
package struct UsageError: Error, Equatable, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}

extension ServiceCommand {
    /// - Parameter arguments: without the program's name.
    package init(arguments: [String], own: [OwnCommand] = []) throws(UsageError) {
        guard let first = arguments.first else {
            self = .serve
            return
        }
        let rest = Array(arguments.dropFirst())
        switch first {
        case "--help", "-h", "help": self = .help
        case "--version", "version": self = .version
        case "serve": self = try Self.withoutArguments(.serve, first, rest)
        case "migrate": self = try Self.withoutArguments(.migrate, first, rest)
        case "dead-letters": self = .deadLetters(try DeadLetterCommand(arguments: rest))
        default:
            guard let command = own.first(where: { $0.name == first }) else {
                throw UsageError("there is no command \"\(first)\"")
            }
            guard rest.count == command.argumentCount else { throw UsageError("\(first) takes: \(command.usage)") }
            self = .own(first, arguments: rest)
        }
    }

    private static func withoutArguments(_ command: Self, _ name: String, _ rest: [String]) throws(UsageError) -> Self {
        guard rest.isEmpty else { throw UsageError("\(name) takes no arguments") }
        return command
    }

    /// What `--help` prints.
    static func help(service: String, own: [OwnCommand], settings: [SettingDescription]) -> String {
        var commands = [
            ("", "applies migrations, then serves until SIGTERM"),
            ("migrate", "applies migrations and exits"),
            ("dead-letters list [--limit <n>]", "shows messages that failed too often, oldest first"),
            ("dead-letters replay <id>…|--all", "gives them back to their queues"),
            ("dead-letters drop <id>…|--all", "forgets them"),
        ]
        commands += own.map { ("\($0.name) \($0.usage)", $0.summary) }
        commands += [("--version", "prints the version"), ("--help", "prints this")]
        let width = commands.map(\.0.count).max() ?? 0
        let lines = commands.map { "  \(service) \($0.0.padded(to: width))  \($0.1)" }
        let variables = settings.map {
            "  \($0.variable)\n      \($0.summary); \($0.expectation)\($0.fallback.map { "; \($0) unless set" } ?? "")"
        }
        return """
            Usage:
            \(lines.joined(separator: "\n"))

            Settings: environment variables over the JSON file named by MARTLET_CONFIG_FILE, whose keys are nested: {"postgres": {"host": "…"}}
            \(variables.joined(separator: "\n"))
            """
    }
}

extension DeadLetterCommand {
    init(arguments: [String]) throws(UsageError) {
        let rest = Array(arguments.dropFirst())
        switch arguments.first {
        case "list": self = .list(limit: try Self.limit(rest))
        case "replay": self = .replay(try Self.selection(rest))
        case "drop": self = .drop(try Self.selection(rest))
        default: throw UsageError("dead-letters takes one of: list, replay, drop")
        }
    }

    private static func limit(_ arguments: [String]) throws(UsageError) -> Int {
        if arguments.isEmpty { return 100 }
        guard arguments.count == 2, arguments[0] == "--limit", let limit = Int(arguments[1]), (1...10_000).contains(limit) else {
            throw UsageError("dead-letters list takes: [--limit <1 to 10000>]")
        }
        return limit
    }

    private static func selection(_ arguments: [String]) throws(UsageError) -> DeadLetterSelection {
        if arguments == ["--all"] { return .all }
        guard !arguments.isEmpty, !arguments.contains(where: { $0.hasPrefix("-") }) else {
            throw UsageError("dead-letters replay and drop take ids, or --all")
        }
        return .ids(arguments)
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: Swift.max(0, width - count)) }
}
