import ArgumentParser

/// The command line of one service: the commands that every service has, and its own.
struct ServiceCommandLine: Sendable {
    let service: String
    var customCommands: [any CustomCommand.Type] = []
    /// The settings that the help lists.
    var settings: [SettingDescription] = []

    /// Returns the command that `arguments` asks for.
    ///
    /// - Parameter arguments: the command line without the name of the program.
    /// - Throws: ``CommandLineExit`` for a wrong command line, and for help and version, which only print.
    func parse(_ arguments: [String]) throws(CommandLineExit) -> ServiceCommand {
        let result = RootCommand.$commandLine.withValue(self) {
            Result { try Self.command(of: try RootCommand.parseAsRoot(arguments)) }.mapError(exit)
        }
        return try result.get()
    }

    private static func command(of parsed: any ParsableCommand) throws -> ServiceCommand {
        switch parsed {
        case let command as any BuiltInCommand: return try command.serviceCommand
        case let command as any CustomCommand: return .custom(command)
        default:
            // The library's own command for help, which throws the text.
            var command = parsed
            try command.run()
            throw ExitCode.success
        }
    }

    private func exit(for error: any Error) -> CommandLineExit {
        let status = RootCommand.exitCode(for: error).rawValue
        var message = RootCommand.fullMessage(for: error)
        if message == RootCommand.helpMessage() { message += "\n\n" + settingsHelp }
        return CommandLineExit(status: status, message: message)
    }

    private var settingsHelp: String {
        let entries = settings.map { setting in
            let fallback = setting.fallback.map { "; default: \($0)" } ?? ""
            return "  \(setting.variable)\n      \(setting.summary); \(setting.expectation)\(fallback)"
        }
        return """
            SETTINGS:
              Environment variables. A JSON file named by MARTLET_CONFIG_FILE may set the same values
              with nested keys, such as {"postgres": {"host": "…"}}. Environment variables take precedence.

            \(entries.joined(separator: "\n"))
            """
    }
}

/// Ends the process after printing a message.
struct CommandLineExit: Error {
    /// 0 for help and version; 64 (`EX_USAGE`) for a wrong command line.
    let status: Int32
    let message: String
}

/// A command that every service has.
private protocol BuiltInCommand: ParsableCommand {
    var serviceCommand: ServiceCommand { get throws }
}

/// The command that the others are subcommands of.
///
/// ArgumentParser reads the configuration from the type, so the values of one service come from a task local.
private struct RootCommand: ParsableCommand {
    @TaskLocal static var commandLine = ServiceCommandLine(service: "service")

    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: commandLine.service, version: "\(commandLine.service) \(MartletVersion.current)",
            subcommands: [Serve.self, Migrate.self, DeadLetters.self] + commandLine.customCommands + [PrintVersion.self],
            defaultSubcommand: Serve.self)
    }
}

private struct Serve: BuiltInCommand {
    static let configuration = CommandConfiguration(abstract: "Apply migrations, then serve until SIGTERM.")
    var serviceCommand: ServiceCommand { .serve }
}

private struct Migrate: BuiltInCommand {
    static let configuration = CommandConfiguration(abstract: "Apply migrations and exit.")
    var serviceCommand: ServiceCommand { .migrate }
}

private struct PrintVersion: BuiltInCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")
    var serviceCommand: ServiceCommand {
        get throws { throw CleanExit.message(RootCommand.configuration.version) }
    }
}

private struct DeadLetters: BuiltInCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead-letters", abstract: "List, replay or drop events that failed too often.",
        subcommands: [ListDeadLetters.self, ReplayDeadLetters.self, DropDeadLetters.self])

    var serviceCommand: ServiceCommand {
        get throws { throw ValidationError("dead-letters needs one of the subcommands list, replay and drop.") }
    }
}

private struct ListDeadLetters: BuiltInCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List dead letters, oldest first: id, type, queue, time, size and reason, separated by tabs.")

    @Option(help: "The maximum number of dead letters, 1 to 10000.") var limit = 100

    func validate() throws {
        guard (1...10_000).contains(limit) else { throw ValidationError("--limit must be 1 to 10000.") }
    }

    var serviceCommand: ServiceCommand { .deadLetters(.list(limit: limit)) }
}

private struct ReplayDeadLetters: BuiltInCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Return dead letters to their queues.")

    @OptionGroup var options: SelectionOptions

    var serviceCommand: ServiceCommand { .deadLetters(.replay(options.selection)) }
}

private struct DropDeadLetters: BuiltInCommand {
    static let configuration = CommandConfiguration(commandName: "drop", abstract: "Delete dead letters.")

    @OptionGroup var options: SelectionOptions

    var serviceCommand: ServiceCommand { .deadLetters(.drop(options.selection)) }
}

private struct SelectionOptions: ParsableArguments {
    @Argument(help: "Event ids, as `dead-letters list` prints them.") var ids: [String] = []
    @Flag(help: "Select all dead letters.") var all = false

    func validate() throws {
        guard all == ids.isEmpty else { throw ValidationError("Give event ids, or --all.") }
    }

    var selection: DeadLetterSelection { all ? .all : .ids(ids) }
}
