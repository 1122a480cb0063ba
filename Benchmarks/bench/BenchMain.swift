import Contracts
import ServiceKit

/// Measures shared modules as services use them, and runs the servers and clients of `make bench`.
///
/// - `bench <service> <command> <numbers>` runs a ``Measurement`` as that service and prints one line of JSON.
///   It must be started in the environment of the service.
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
        await Bootstrap.main(
            arguments.first ?? "bff", commands: Measurement.allCases.map(\.command), arguments: Array(arguments.dropFirst())
        ) { context in
            guard case .own(let name, let arguments) = context.command, let measurement = Measurement(rawValue: name),
                let numbers = Optional(arguments.compactMap { Double($0) }), numbers.count == arguments.count
            else { throw ArgumentError() }
            print(try await measurement.run(context, numbers))
        }
    }

    private static func number(_ text: String) throws -> Int {
        guard let number = Int(text) else { throw ArgumentError() }
        return number
    }

    struct ArgumentError: Error, CustomStringConvertible {
        var description: String { "the arguments must be a command and numbers; --help lists the commands" }
    }
}

/// The measurements, by the name of their command.
enum Measurement: String, CaseIterable {
    case echo, calls, ids, pages, rows, gets, settings

    var command: OwnCommand {
        switch self {
        case .echo: OwnCommand(rawValue, "", "answers calls until terminated; run it as chats")
        case .calls: OwnCommand(rawValue, "<in-flight> <seconds>", "calls the echo procedure; run it as bff")
        case .ids: OwnCommand(rawValue, "<in-flight> <seconds>", "requests 100 ids at a time from idgen")
        case .pages: OwnCommand(rawValue, "<callers> <seconds>", "reads pages of 20 rows from Postgres")
        case .rows: OwnCommand(rawValue, "<callers> <seconds>", "commits rows in micro-batches to Postgres")
        case .gets: OwnCommand(rawValue, "<callers> <seconds>", "reads values from Redis")
        case .settings: OwnCommand(rawValue, "", "measures reads of a setting in ns, by current value and by lookup")
        }
    }

    func run(_ context: ServiceContext, _ numbers: [Double]) async throws -> String {
        if self == .echo { return try await BusEcho.serve(context) }
        if self == .settings { return try SettingLookups.measure(context) }
        let load = ClosedLoopLoad(callers: Int(numbers[0]), seconds: numbers[1], io: context.io)
        return switch self {
        case .echo, .settings, .calls: try await BusEcho.measure(context, load).json()
        case .ids: try await IDBatches.measure(context, load).json(each: Double(IDBatches.size))
        case .pages: try await PostgresPages.measure(context, load).json()
        case .rows: try await PostgresRows.measure(context, load).json()
        case .gets: try await RedisReads.measure(context, load).json()
        }
    }
}
