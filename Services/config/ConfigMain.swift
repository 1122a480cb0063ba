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
            DynamicConfiguration(SectionStore(database: database), bus: bus, logger: context.logger).serve(on: bus)
            let routing = try Routing(context, database: database, bus: bus)
            routing.serve(on: bus)
            try await context.run(
                [database, bus, routing.leader] + (try Scaling.services(context, database: database, leader: routing.leader))
                    + [context.consuming(bus)],
                migrate: { try await context.migrate(try ConfigMigrations.all()) })
        }
    }
}

private struct Simulate: CustomCommand {
    static let configuration = CommandConfiguration(
        abstract: "Simulate a week of 10 million users over up to 160 instances, and print what moved. Uses no server.")
}
