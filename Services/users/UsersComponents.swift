import Bus
import Cache
import Contracts
import Postgres
import Realtime
import Redis
import ServiceKit

/// The parts of the service, created once per process.
struct UsersComponents: Sendable {
    let service: UsersService
    let accounts: AccountStore
    let caches: UserCaches
    let outbox: Outbox
    let deliveries: DeliveryPublisher
    let sweeper: Sweeper
    let dynamic: DynamicSettings

    init(_ context: ServiceContext, database: PostgresPool, redis: RedisClient, bus: Bus) async throws {
        let settings = try UsersSettings(context.settings)
        let now: @Sendable () -> Timestamp = { .now }
        dynamic = try context.dynamic(bus)
        let (tokens, search) = (try dynamic.current(TokenTimes.self), try dynamic.current(SearchBounds.self))
        outbox = Outbox(database, bus: bus, logger: context.logger)
        deliveries = DeliveryPublisher(bus)
        outbox.deliver(ContactDeliveries.types, through: deliveries) { try ContactDeliveries.delivery(of: $0) }
        let hasher = try await Self.hasher(settings, context)
        let ids = IDSource(bus, on: context.io)
        let nextID: @Sendable () async throws -> Int64 = { try await ids.next(NextIDs.RawID.self).rawValue }

        let profiles = ProfileStore(database: database, outbox: outbox, searchTime: { search.now.time })
        let sessions = SessionStore(database: database, outbox: outbox) {
            let times = tokens.now
            return TokenLifetimes(access: times.access, refresh: times.refresh)
        }
        accounts = AccountStore(database: database, outbox: outbox)
        let times = try dynamic.current(CacheTimes.self)
        caches = UserCaches(
            prefix: try RedisSettings(context.settings, service: context.service).prefix, redis: redis, on: context.io,
            profiles: profiles, timesToLive: { times.now.timesToLive }, now: now
        ) { [io = context.io] notice in
            // A process that misses the broadcast reads the previous value for at most a second longer.
            Task(executorPreference: io) { try? await bus.broadcast(CacheChanged(notice: notice)) }
        }
        let keys = Self.keyRing(settings, context, database: database)
        service = UsersService(
            accounts: AccountHandler(
                store: accounts, profiles: profiles, cache: caches, hasher: hasher, nextID: nextID, now: now),
            sessions: SessionHandler(
                store: sessions, accounts: accounts, cache: caches, hasher: hasher, keys: keys, nextID: nextID, now: now,
                logger: context.logger),
            profiles: ProfileHandler(cache: caches, bounds: search),
            contacts: ContactHandler(store: ContactStore(database: database, outbox: outbox), now: now),
            presence: PresenceHandler(store: PresenceStore(database: database), now: now),
            keys: keys)
        sweeper = Sweeper(accounts: accounts, sessions: sessions, now: now, logger: context.logger)
    }

    private static func hasher(_ settings: UsersSettings, _ context: ServiceContext) async throws -> PasswordHasher {
        let pool = HashingPool(
            admission: context.admission(
                "passwords", limit: settings.passwordThreads, queue: settings.passwordQueue, wait: HashingPool.patience))
        return try await PasswordHasher(cost: settings.passwordCost, pool: pool)
    }

    private static func keyRing(_ settings: UsersSettings, _ context: ServiceContext, database: PostgresPool) -> KeyRing {
        let health = context.health.flag("keys", .own, initially: .down("no signing key yet"))
        return KeyRing(
            KeyStore(database: database, seal: KeySeal(passphrase: settings.signingSecret?.reveal())),
            schedule: settings.keySchedule, now: { .now }, logger: context.logger
        ) { trouble in health.set(trouble.map { .down($0) } ?? .up) }
    }
}
