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
                on: context.io, logger: context.logger
            ) { condition in leased.set(condition.report) }
            if let measure = context.command.custom(MeasureCommand.self) {
                let rate = try await context.job([database, generator]) {
                    await database.ready()
                    return try await idsPerSecond(of: generator, over: .seconds(measure.seconds))
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

extension IDGenMain {
    /// Returns how many ids per second the generator issues to a single caller.
    private static func idsPerSecond(of generator: IDGenerator, over duration: Duration) async throws -> Int {
        // The first id waits for the lease.
        _ = try await generator.next(1)
        let start = ContinuousClock.now
        var count = 0
        while ContinuousClock.now - start < duration {
            for run in try await generator.next(NextIDs.mostAtOnce) { count += run.count }
        }
        return Int(Double(count) * (.seconds(1) / (ContinuousClock.now - start)))
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
        "how long ids can be issued without renewing the lease in Postgres, seconds")

    static var settings: [SettingDescription] { [ahead.description] }

    /// Renews a lease when a sixth of its time has passed.
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

/// The migrations of the schema `idgen`.
enum IDGenMigrations {
    static func all() throws -> MigrationSet { try MigrationSet(["0001_generators": PackageResources._001_generators_sql]) }
}
