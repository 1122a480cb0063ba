import ArgumentParser
import Contracts
import Reactor
import ServiceKit

/// Measures shared modules as services use them, and runs the servers and clients of `make bench`.
///
/// - `bench <service> <command> <numbers>` runs a ``Measurement`` as that service and prints one line of
///   JSON. It must be started in the environment of the service.
/// - `bench hello <port>` runs the baseline of the HTTP API, ``HelloServer``.
/// - `bench relay <port>` runs the baseline of live connections, ``RelayServer``.
/// - `bench websockets <file>` runs WebSocket clients: ``WebSocketLoadCommand``.
@main enum BenchMain {
    static func main() async throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        switch (arguments.first, arguments.last) {
        case ("hello", let port?): return try await HelloServer.serve(number(port))
        case ("relay", let port?): return try await RelayServer.serve(number(port))
        case ("websockets", let file?): return try await WebSocketLoadCommand.run(file)
        default: break
        }
        let measurements: [any Measurement.Type] = [
            EchoProcedure.self, Calls.self, IDs.self, PageReads.self, RowCommits.self, RedisGets.self, SettingReads.self,
        ]
        await Bootstrap.main(
            arguments.first ?? "bff", commands: measurements, arguments: Array(arguments.dropFirst())
        ) { context in
            guard let measurement = context.command.custom((any Measurement).self) else { throw ArgumentError() }
            print(try await measurement.measure(context))
        }
    }

    private static func number(_ text: String) throws -> Int {
        guard let number = Int(text) else { throw ArgumentError() }
        return number
    }

    struct ArgumentError: Error, CustomStringConvertible {
        var description: String { "give a measurement and its arguments; --help lists them" }
    }
}

/// A command that measures one library.
protocol Measurement: CustomCommand {
    /// Returns the result as one line of JSON.
    func measure(_ context: ServiceContext) async throws -> String
}

struct LoadOptions: ParsableArguments, Sendable {
    @Argument(help: "The number of callers, each with one operation in flight.") var callers: Int
    @Argument(help: "The duration in seconds, after a warm-up.") var seconds: Double

    func load(on io: IOThread) -> ClosedLoopLoad { ClosedLoopLoad(callers: callers, seconds: seconds, io: io) }
}

struct EchoProcedure: Measurement {
    static let configuration = CommandConfiguration(
        commandName: "echo", abstract: "Answer calls, as chats, until the process ends.")

    func measure(_ context: ServiceContext) async throws -> String { try await BusEcho.serve(context) }
}

struct Calls: Measurement {
    static let configuration = CommandConfiguration(abstract: "Call the echo procedure, as bff.")
    @OptionGroup var options: LoadOptions

    func measure(_ context: ServiceContext) async throws -> String {
        try await BusEcho.measure(context, options.load(on: context.io)).json()
    }
}

struct IDs: Measurement {
    static let configuration = CommandConfiguration(commandName: "ids", abstract: "Request 100 ids at a time from idgen.")
    @OptionGroup var options: LoadOptions

    func measure(_ context: ServiceContext) async throws -> String {
        try await IDBatches.measure(context, options.load(on: context.io)).json(each: Double(IDBatches.size))
    }
}

struct PageReads: Measurement {
    static let configuration = CommandConfiguration(commandName: "pages", abstract: "Read pages of 20 rows from Postgres.")
    @OptionGroup var options: LoadOptions

    func measure(_ context: ServiceContext) async throws -> String {
        try await PostgresPages.measure(context, options.load(on: context.io)).json()
    }
}

struct RowCommits: Measurement {
    static let configuration = CommandConfiguration(commandName: "rows", abstract: "Commit rows to Postgres in small batches.")
    @OptionGroup var options: LoadOptions

    func measure(_ context: ServiceContext) async throws -> String {
        try await PostgresRows.measure(context, options.load(on: context.io)).json()
    }
}

struct RedisGets: Measurement {
    static let configuration = CommandConfiguration(commandName: "gets", abstract: "Read values from Redis.")
    @OptionGroup var options: LoadOptions

    func measure(_ context: ServiceContext) async throws -> String {
        try await RedisReads.measure(context, options.load(on: context.io)).json()
    }
}

struct SettingReads: Measurement {
    static let configuration = CommandConfiguration(
        commandName: "settings", abstract: "Read a setting; prints nanoseconds for a kept value and for a lookup.")

    func measure(_ context: ServiceContext) async throws -> String { try SettingLookups.measure(context) }
}
