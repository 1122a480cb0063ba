import Bus
import Contracts
import Postgres
import ServiceKit

@main enum ConfigMain {
    static func main() async {
        await Bootstrap.main("config", settings: RoutingSettings.all + ScalingSettings.all, commands: [simulate]) { context in
            if case .own = context.command { return print(WeekSimulation.run()) }
            let (database, bus) = (try context.postgres(), try context.bus())
            DynamicConfiguration(SectionStore(database: database), bus: bus, logger: context.logger).serve(on: bus)
            let routing = try Routing(context, database: database, bus: bus)
            routing.serve(on: bus)
            try await context.run(
                [database, bus, routing.leader] + (try Scaling.services(context, database: database, leader: routing.leader))
                    + [context.consuming(bus)],
                migrate: { try await context.migrate(try ConfigMigrations.all()) })
        }
    }

    private static let simulate = OwnCommand(
        "simulate", "", "replays a week of 10 million users over up to 160 instances, and tells what moved; asks no server")
}
