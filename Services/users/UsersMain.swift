import Bus
import Cache
import Contracts
import Postgres
import Realtime
import Redis
import ServiceKit

@main enum UsersMain {
    static func main() async {
        await Bootstrap.main("users", settings: UsersSettings.all, commands: UsersCommands.all) { context in
            let (database, redis, bus) = (try context.postgres(), try context.redis(), try context.bus())
            let parts = try await UsersParts(context, database: database, redis: redis, bus: bus)
            if let command = context.command.custom((any UsersCommand).self) {
                return try await context.job([database]) {
                    await database.ready()
                    try await command.run(parts, logger: context.logger)
                }
            }
            parts.service.serve(on: bus)
            parts.caches.listen(on: bus)
            let routes = RouteTable(bus: bus, logger: context.logger)
            bus.subscribe(routes.subscription)
            parts.deliveries.follow(routes)
            try await context.run(
                [
                    database, redis, parts.service.keys, parts.sweeper, bus, parts.outbox, context.consuming(bus), parts.dynamic,
                    routes,
                ],
                migrate: { try await context.migrate(try UsersMigrations.all()) })
        }
    }
}
