import Bus
import Cache
import Contracts
import Postgres
import Redis
import ServiceKit

@main enum ChatsMain {
    static func main() async {
        await Bootstrap.main("chats") { kit in
            let (database, redis, bus) = (try kit.postgres(), try kit.redis(), try kit.bus())
            let dynamic = try kit.dynamic(bus)
            let times = try dynamic.live(CacheTimes.self)
            let routes = RouteTable(bus: bus, logger: kit.logger)
            bus.follow(routes)
            let outbox = Outbox(database, bus: bus, logger: kit.logger)
            let chats = ChatsService(
                database: database, redis: redis, prefix: try RedisSettings(kit.settings, service: kit.service).prefix,
                lives: { times.now.lives }, bus: bus, outbox: outbox, ids: kit.ids(bus), on: kit.io, logger: kit.logger)
            try await kit.run(
                [database, redis, outbox, chats, bus, kit.consuming(bus), dynamic, routes],
                migrate: { try await kit.migrate(try ChatsMigrations.all()) })
        }
    }
}
