import Contracts
import Foundation
import Logging
import Metrics
import Reactor
import Tracing

/// The version of this build.
package enum MartletVersion {
    package static let current = "0.1.0"
}

/// Starts a service: parses the command line, reads settings, and sets up logs, metrics and traces.
///
/// ```swift
/// @main enum IDGenMain {
///     static func main() async {
///         await Bootstrap.main("idgen") { context in
///             let (database, bus) = (try context.postgres(), try context.bus())
///             try await context.run(
///                 [database, bus, context.consuming(bus)],
///                 migrate: { try await context.migrate(try IDGenMigrations.all()) })
///         }
///     }
/// }
/// ```
package enum Bootstrap {
    /// Runs `body` with the ``ServiceContext`` of the service, then ends the process.
    ///
    /// The exit status is 0 when `body` returns, 64 for a wrong command line, 78 for a wrong setting, and 1
    /// for any other error.
    ///
    /// - Parameters:
    ///   - settings: the settings of this service beyond the common ones; for the help and to detect misspelt
    ///     names.
    ///   - commands: the commands of this service beyond the common ones. `body` finds the parsed one in
    ///     ``ServiceContext/command``.
    ///   - arguments: the command line without the name of the program.
    package static func main(
        _ service: String, settings: [SettingDescription] = [], commands: [any CustomCommand.Type] = [],
        arguments: [String] = Array(CommandLine.arguments.dropFirst()),
        environment: [String: String] = ProcessInfo.processInfo.environment, _ body: (ServiceContext) async throws -> Void
    ) async -> Never {
        let known =
            CommonSettings.all + PostgresSettings.all + RabbitMQSettings.all + RedisSettings.all + HTTPSettings.all + settings
            + Sections.settings
        let commandLine = ServiceCommandLine(service: service, customCommands: commands, settings: known)
        do {
            let command = try commandLine.parse(arguments)
            let settings = try await Settings.load(environment: environment)
            try await run(service, command: command, settings: settings, known: known, body)
        } catch let exit as CommandLineExit {
            write(exit.message, to: exit.status == 0 ? .standardOutput : .standardError)
            Foundation.exit(exit.status)
        } catch {
            write("\(service): \(error)", to: .standardError)
            exit(status(for: error))
        }
        exit(0)
    }

    private static func status(for error: any Error) -> Int32 {
        switch error {
        case is UsageError: EX_USAGE
        case is ConfigurationError: EX_CONFIG
        default: 1
        }
    }

    private static func run(
        _ service: String, command: ServiceCommand, settings: Settings, known: [SettingDescription],
        _ body: (ServiceContext) async throws -> Void
    ) async throws {
        // Commands print results on standard output, so only a serving process logs there.
        let output = DescriptorOutput(descriptor: command.logsToStandardOutput ? STDOUT_FILENO : STDERR_FILENO)
        defer { output.flush() }
        let context = try start(service, command: command, settings: settings, output: output)
        for variable in settings.unknownVariables(known: known) {
            context.logger.notice("unknown setting ignored", metadata: ["variable": "\(variable)"])
        }
        do {
            try await body(context)
            context.logger.info("stopped")
        } catch {
            context.logger.critical("stopped by an error", error: error)
            throw error
        }
    }

    /// Sets up the logging, metrics and tracing systems of the process and its I/O thread. Once per process.
    ///
    /// - Throws: ``ConfigurationError``.
    package static func start(_ service: String, command: ServiceCommand = .serve, settings: Settings, output: any LogOutput)
        throws -> ServiceContext
    {
        signal(SIGPIPE, SIG_IGN)
        let context = try ServiceContext(service: service, command: command, settings: settings, output: output)
        let (identity, level) = (JSONLogHandler.Identity(service: service, instance: context.instance), context.logger.logLevel)
        LoggingSystem.bootstrap(
            { JSONLogHandler(label: $0, level: level, identity: identity, output: output, metadataProvider: $1) },
            metadataProvider: nil)
        MetricsSystem.bootstrap(context.metrics)
        InstrumentationSystem.bootstrap(context.tracer)
        return context
    }

    private static func write(_ text: String, to file: FileHandle) { file.write(Data((text + "\n").utf8)) }
}

extension ServiceCommand {
    fileprivate var logsToStandardOutput: Bool {
        if case .serve = self { true } else { false }
    }
}
