import ArgumentParser
import Bus
import Contracts
import Postgres
import ServiceKit

@main enum ConfigMain {
    static func main() async {
        await Bootstrap.main("config", settings: RoutingSettings.all + ScalingSettings.all, commands: [Simulate.self]) {
            context in
            if context.command.custom(Simulate.self) != nil { return print(WeekSimulation.run()) }
            let (database, bus) = (try context.postgres(), try context.bus())
            SectionService(SectionStore(database: database), bus: bus, logger: context.logger).serve(on: bus)
            let routing = try RoutingComponents(context, database: database, bus: bus)
            routing.serve(on: bus)
            let scaling = Autoscaler.services(
                try ScalingSettings(context.settings), store: LoadStore(database: database), logger: context.logger,
                isLeading: { await routing.leader.isLeading })
            try await context.run(
                [database, bus, routing.leader] + scaling + [context.consuming(bus)],
                migrate: { try await context.migrate(try ConfigMigrations.all()) })
        }
    }
}

private struct Simulate: CustomCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Replay a week of 10 million users on up to 160 instances, and print how many were moved. Needs no server.")
}

enum ConfigMigrations {
    static func all() throws -> MigrationSet {
        try MigrationSet([
            "0001_deployment": PackageResources._001_deployment_sql,
            "0002_dynamic": PackageResources._002_dynamic_sql,
            "0003_routing": PackageResources._003_routing_sql,
            "0004_scaling": PackageResources._004_scaling_sql,
        ])
    }
}
