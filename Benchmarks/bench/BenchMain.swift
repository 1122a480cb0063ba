import Contracts
import ServiceKit

/// Measures the shared parts as services use them: `bench <service> <command> <arguments>` speaks as that service, whose environment it needs, and prints
/// one line of JSON. `bench hello <port>` and `bench echo <port>` are a bare web server and a bare WebSocket server to compare with, `bench live <file>`
/// clients of the latter and of `messaging`.
@main enum BenchMain {
    static func main() async throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        switch (arguments.first, arguments.last) {
        case ("hello", let port?): return try await Hello.serve(number(port))
        case ("echo", let port?): return try await EchoServer.serve(number(port))
        case ("live", let file?): return try await LiveClient.run(file)
        default: break
        }
        await Bootstrap.main(
            arguments.first ?? "bff", commands: Measurement.allCases.map(\.command), arguments: Array(arguments.dropFirst())
        ) { context in
            guard case .own(let name, let arguments) = context.command, let measurement = Measurement(rawValue: name),
                let numbers = Optional(arguments.compactMap { Double($0) }), numbers.count == arguments.count
            else { throw Misuse() }
            print(try await measurement.run(context, numbers))
        }
    }

    private static func number(_ text: String) throws -> Int {
        guard let number = Int(text) else { throw Misuse() }
        return number
    }

    struct Misuse: Error, CustomStringConvertible {
        var description: String { "give a command with numbers; --help shows them" }
    }
}

/// What can be measured.
enum Measurement: String, CaseIterable {
    case echo, calls, ids, pages, rows, gets, settings

    var command: OwnCommand {
        switch self {
        case .echo: OwnCommand(rawValue, "", "answers calls until it is ended, as chats")
        case .calls: OwnCommand(rawValue, "<in-flight> <seconds>", "calls the echo, as bff")
        case .ids: OwnCommand(rawValue, "<in-flight> <seconds>", "asks idgen for 100 ids at a time")
        case .pages: OwnCommand(rawValue, "<callers> <seconds>", "reads pages of 20 rows from Postgres")
        case .rows: OwnCommand(rawValue, "<callers> <seconds>", "commits rows in micro-batches to Postgres")
        case .gets: OwnCommand(rawValue, "<callers> <seconds>", "reads values from Redis")
        case .settings: OwnCommand(rawValue, "", "asks for a setting; nanoseconds for one kept ready and for one looked for")
        }
    }

    func run(_ context: ServiceContext, _ numbers: [Double]) async throws -> String {
        if self == .echo { return try await BusEcho.serve(context) }
        if self == .settings { return try SettingLookups.measure(context) }
        let load = Load(callers: Int(numbers[0]), seconds: numbers[1], io: context.io)
        return switch self {
        case .echo, .settings, .calls: try await BusEcho.measure(context, load).json()
        case .ids: try await IDBatches.measure(context, load).json(each: Double(IDBatches.size))
        case .pages: try await Pages.measure(context, load).json()
        case .rows: try await Rows.measure(context, load).json()
        case .gets: try await Gets.measure(context, load).json()
        }
    }
}
