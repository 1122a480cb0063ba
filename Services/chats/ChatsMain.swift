import Bus
import Cache
import Contracts
import Postgres
import Realtime
import Redis
import ServiceKit

@main enum ChatsMain {
    static func main() async {
        await Bootstrap.main("chats") { context in
            let (database, redis, bus) = (try context.postgres(), try context.redis(), try context.bus())
            let dynamic = try context.dynamic(bus)
            let times = try dynamic.current(CacheTimes.self)
            let routes = RouteTable(bus: bus, logger: context.logger)
            bus.subscribe(routes.subscription)
            let deliveries = DeliveryPublisher(bus)
            deliveries.follow(routes)
            let outbox = Outbox(database, bus: bus, logger: context.logger)
            let chats = ChatsService(
                database: database, redis: redis, prefix: try RedisSettings(context.settings, service: context.service).prefix,
                timesToLive: { times.now.timesToLive }, bus: bus, outbox: outbox, deliveries: deliveries, ids: context.ids(bus),
                on: context.io, logger: context.logger)
            try await context.run(
                [database, redis, outbox, chats, bus, context.consuming(bus), dynamic, routes],
                migrate: { try await context.migrate(try ChatsMigrations.all()) })
        }
    }
}

/// The migrations of the schema `chats`.
enum ChatsMigrations {
    static func all() throws(MigrationError) -> MigrationSet {
        try MigrationSet([
            "0001_chats": PackageResources._001_chats_sql,
            "0002_people": PackageResources._002_people_sql,
            "0003_outbox": PackageResources._003_outbox_sql,
            "0004_outbox_lz4": PackageResources._004_outbox_lz4_sql,
        ])
    }
}
