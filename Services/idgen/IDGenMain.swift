import ArgumentParser
import Bus
import Contracts
import Postgres
import ServiceKit

@main enum IDGenMain {
    static func main() async {
        await Bootstrap.main("idgen", settings: LeaseTerms.settings, commands: [MeasureCommand.self]) { context in
            let (database, bus, leased) = (try context.postgres(), try context.bus(), context.health.flag("lease", .own))
            let generator = IDGenerator(
                store: PostgresLeaseStore(database: database), holder: context.instance, terms: try LeaseTerms(context.settings),
                on: context.io,
                logger: context.logger
            ) { condition in leased.set(condition.report) }
            if let measure = context.command.custom(MeasureCommand.self) {
                let rate = try await context.job([database, generator]) {
                    await database.ready()
                    return try await Measure(generator: generator).idsPerSecond(over: .seconds(measure.seconds))
                }
                return print(rate)
            }
            ProcedureServer(bus, logger: context.logger).serve(NextIDs.self) { request, _ in
                NextIDs.Response(runs: try await generator.next(request.count))
            }
            try await context.run(
                [database, generator, bus, context.consuming(bus)],
                migrate: { try await context.migrate(try IDGenMigrations.all()) })
        }
    }
}

private struct MeasureCommand: CustomCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure",
        abstract: "Issue ids as fast as possible under a lease of its own, and print the number per second.")

    @Argument(help: "The duration of the measurement in seconds.") var seconds: Double
}

extension LeaseTerms {
    private static let ahead = Setting<Int>.whole(
        "idgen.lease.seconds", in: 3...3_600, default: 60,
        "how far ahead of the clock ids may be issued without asking Postgres again, seconds")

    static var settings: [SettingDescription] { [ahead.description] }

    /// Renewed when a sixth of the time has passed.
    init(_ settings: Settings) throws {
        let milliseconds = Int64(try settings.value(Self.ahead)) * 1_000
        self.init(ahead: milliseconds, renewBelow: milliseconds * 5 / 6)
    }
}

extension IDGenerator.Condition {
    fileprivate var report: ComponentReport {
        switch self {
        case .issuing: .up
        case .noLease(let why): .down(why)
        case .clockBehind(let milliseconds): .down("the clock is \(milliseconds) ms behind ids already issued")
        }
    }
}
