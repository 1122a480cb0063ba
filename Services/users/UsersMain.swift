import Bus
import Cache
import Contracts
import Postgres
import Redis
import ServiceKit

@main enum UsersMain {
    static func main() async {
        await Bootstrap.main("users", settings: UsersSettings.all, commands: UsersCommand.all) { kit in
            let (database, redis, bus) = (try kit.postgres(), try kit.redis(), try kit.bus())
            let parts = try await UsersParts(kit, database: database, redis: redis, bus: bus)
            if let command = try UsersCommand(kit.command) {
                return try await kit.job([database]) {
                    await database.ready()
                    try await command.run(parts, logger: kit.logger)
                }
            }
            parts.service.serve(on: bus)
            parts.caches.listen(on: bus)
            let routes = RouteTable(bus: bus, logger: kit.logger)
            bus.follow(routes)
            try await kit.run(
                [
                    database, redis, parts.service.keys, parts.sweeper, bus, parts.outbox, kit.consuming(bus), parts.dynamic,
                    routes,
                ],
                migrate: { try await kit.migrate(try UsersMigrations.all()) })
        }
    }
}
