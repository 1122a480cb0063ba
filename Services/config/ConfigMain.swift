import Bus
import Contracts
import Postgres
import ServiceKit

@main enum ConfigMain {
    static func main() async {
        await Bootstrap.main("config", settings: RoutingSettings.all) { kit in
            let (database, bus) = (try kit.postgres(), try kit.bus())
            DynamicConfiguration(SectionStore(database: database), bus: bus, logger: kit.logger).serve(on: bus)
            let routing = try Routing(kit, database: database, bus: bus)
            routing.serve(on: bus)
            try await kit.run(
                [database, bus, routing.leader, kit.consuming(bus)],
                migrate: { try await kit.migrate(try ConfigMigrations.all()) })
        }
    }
}
