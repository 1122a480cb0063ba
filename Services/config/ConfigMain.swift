import Bus
import Contracts
import Postgres
import ServiceKit

@main enum ConfigMain {
    static func main() async {
        await Bootstrap.main("config", settings: RoutingSettings.all + ScalingSettings.all, commands: [simulate]) { kit in
            if case .own = kit.command { return print(WeekSimulation.run()) }
            let (database, bus) = (try kit.postgres(), try kit.bus())
            DynamicConfiguration(SectionStore(database: database), bus: bus, logger: kit.logger).serve(on: bus)
            let routing = try Routing(kit, database: database, bus: bus)
            routing.serve(on: bus)
            try await kit.run(
                [database, bus, routing.leader] + (try Scaling.services(kit, database: database, leader: routing.leader))
                    + [kit.consuming(bus)],
                migrate: { try await kit.migrate(try ConfigMigrations.all()) })
        }
    }

    private static let simulate = OwnCommand(
        "simulate", "", "replays a week of 10 million users over up to 160 instances, and tells what moved; asks no server")
}
