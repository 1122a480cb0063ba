import Contracts
import Foundation
import Logging
import Metrics
import Reactor
import Tracing

/// Starts a service: reads its command line and settings, sets up logs, metrics and traces, and hands out the ``ServiceContext`` to build it with.
///
/// ```swift
/// @main enum ChatsMain {
///     static func main() async {
///         await Bootstrap.main("chats") { context in
///             let database = try context.postgres()
///             let bus = try context.bus()
///             let chats = ChatsService(store: PostgresChatStore(database), bus: bus)
///             try await context.run([database, bus, chats], migrate: { try await context.migrate(ChatsMigrations.all) })
///         }
///     }
/// }
/// ```
package enum Bootstrap {
    /// Runs `body` and ends the process: with 0 when it returns, 64 for a wrong command line, 78 for a wrong setting, 1 for everything else.
    ///
    /// - Parameters:
    ///   - settings: what this service reads beyond the common settings, for the help and for spotting misspelt variables.
    ///   - commands: what the command line takes beyond the common commands; `body` finds the one given in ``ServiceContext/command``.
    ///   - arguments: the command line, without the program's name.
    package static func main(
        _ service: String, settings: [SettingDescription] = [], commands: [OwnCommand] = [],
        arguments: [String] = Array(CommandLine.arguments.dropFirst()),
        environment: [String: String] = ProcessInfo.processInfo.environment, _ body: (ServiceContext) async throws -> Void
    ) async -> Never {
        do {
            let command = try ServiceCommand(arguments: arguments, own: commands)
            let known =
                CommonSettings.all + PostgresSettings.all + RabbitMQSettings.all + RedisSettings.all + HTTPSettings.all + settings
                + Sections.settings
            switch command {
            case .help: say(ServiceCommand.help(service: service, own: commands, settings: known), to: .standardOutput)
            case .version: say("\(service) \(MartletVersion.current)", to: .standardOutput)
            default: try await run(service, command, try await Settings.load(environment: environment), known, body)
            }
        } catch let error as UsageError {
            say("\(service): \(error)\n\(service) --help shows what there is.", to: .standardError)
            exit(EX_USAGE)
        } catch let error as ConfigurationError {
            say("\(service): \(error)", to: .standardError)
            exit(EX_CONFIG)
        } catch {
            say("\(service): \(error)", to: .standardError)
            exit(1)
        }
        exit(0)
    }

    private static func run(
        _ service: String, _ command: ServiceCommand, _ settings: Settings, _ known: [SettingDescription],
        _ body: (ServiceContext) async throws -> Void
    ) async throws {
        // What a command tells goes to standard output; only a service that serves logs there.
        let output = DescriptorOutput(descriptor: command == .serve ? STDOUT_FILENO : STDERR_FILENO)
        defer { output.flush() }
        let context = try start(service, command: command, settings: settings, output: output)
        for variable in settings.unknownVariables(known: known) {
            context.logger.notice("a setting is not known, perhaps misspelt", metadata: ["variable": "\(variable)"])
        }
        do {
            try await body(context)
            context.logger.info("stopped")
        } catch {
            context.logger.critical("stopped by an error", error: error)
            throw error
        }
    }

    /// Sets up the process: its logging, metrics and tracing systems, once, and its I/O thread.
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

    private static func say(_ text: String, to file: FileHandle) { file.write(Data((text + "\n").utf8)) }
}
