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
            let components = try await UsersComponents(context, database: database, redis: redis, bus: bus)
            if let command = context.command.custom((any UsersCommand).self) {
                return try await context.job([database]) {
                    await database.ready()
                    try await command.run(components, logger: context.logger)
                }
            }
            components.service.serve(on: bus, logger: context.logger)
            components.caches.listen(on: bus)
            let routes = RouteTable(bus: bus, logger: context.logger)
            bus.subscribe(routes.subscription)
            components.deliveries.follow(routes)
            try await context.run(
                [
                    database, redis, components.service.keys, components.sweeper, bus, components.outbox, context.consuming(bus),
                    components.dynamic, routes,
                ],
                migrate: { try await context.migrate(try UsersMigrations.all()) })
        }
    }
}

enum UsersMigrations {
    static func all() throws -> MigrationSet {
        try MigrationSet([
            "0001_accounts": PackageResources._001_accounts_sql,
            "0002_sessions": PackageResources._002_sessions_sql,
            "0003_contacts": PackageResources._003_contacts_sql,
            "0004_outbox": PackageResources._004_outbox_sql,
            "0005_search_text": PackageResources._005_search_text_sql,
            "0006_last_seen": PackageResources._006_last_seen_sql,
            "0007_living_sessions": PackageResources._007_living_sessions_sql,
        ])
    }
}
