import Bus
import Cache
import Contracts
import Foundation
import Postgres
import Realtime
import Redis
import ServiceKit

/// What the service is made of, put together once.
struct UsersParts: Sendable {
    let service: UsersService
    let accounts: AccountStore
    let caches: UserCaches
    let outbox: Outbox
    let deliveries: DeliveryPublisher
    let sweeper: Sweeper
    let dynamic: DynamicSettings

    init(_ context: ServiceContext, database: PostgresPool, redis: RedisClient, bus: Bus) async throws {
        let settings = try UsersSettings(context.settings)
        dynamic = try context.dynamic(bus)
        let (tokens, search) = (try dynamic.current(TokenTimes.self), try dynamic.current(SearchBounds.self))
        let times = try dynamic.current(CacheTimes.self)
        outbox = Outbox(database, bus: bus, logger: context.logger)
        deliveries = DeliveryPublisher(bus)
        outbox.deliver(LiveContacts.types, through: deliveries) { try LiveContacts.delivery(of: $0) }
        let pool = HashingPool(
            admission: context.admission(
                "passwords", limit: settings.passwordThreads, queue: settings.passwordQueue, wait: HashingPool.patience))
        let hasher = try await PasswordHasher(cost: settings.passwordCost, pool: pool)
        let ids = IDSource(bus, on: context.io)
        let nextID: @Sendable () async throws -> Int64 = { try await ids.next(NextIDs.RawID.self).rawValue }

        let profiles = ProfileStore(database: database, outbox: outbox, searchTime: { search.now.time })
        let sessions = SessionStore(database: database, outbox: outbox) {
            let times = tokens.now
            return TokenLifetimes(access: times.access, refresh: times.refresh)
        }
        accounts = AccountStore(database: database, outbox: outbox)
        caches = UserCaches(
            prefix: try RedisSettings(context.settings, service: context.service).prefix, redis: redis, on: context.io,
            profiles: profiles,
            timesToLive: { times.now.timesToLive }, now: Self.now
        ) { [io = context.io] notice in
            // Whoever does not hear of it reads at most a second longer what was there before.
            Task(executorPreference: io) { try? await bus.broadcast(CacheChanged(notice: notice)) }
        }
        let hasKeys = context.health.flag("keys", .own, initially: .down("no signing key yet"))
        let keys = KeyRing(
            KeyStore(database: database, seal: KeySeal(passphrase: settings.signingSecret?.reveal())),
            schedule: settings.keySchedule, now: Self.now, logger: context.logger
        ) { trouble in hasKeys.set(trouble.map { .down($0) } ?? .up) }

        service = UsersService(
            accounts: Accounts(
                store: accounts, profiles: profiles, cache: caches, hasher: hasher, nextID: nextID, now: Self.now),
            sessions: Sessions(
                store: sessions, accounts: accounts, cache: caches, hasher: hasher, keys: keys, nextID: nextID, now: Self.now,
                logger: context.logger),
            profiles: Profiles(cache: caches, bounds: search),
            contacts: Contacts(store: ContactStore(database: database, outbox: outbox), now: Self.now),
            presence: Presence(store: PresenceStore(database: database), now: Self.now),
            keys: keys)
        sweeper = Sweeper(accounts: accounts, sessions: sessions, now: Self.now, logger: context.logger)
    }

    /// The wall clock.
    private static let now: @Sendable () -> Timestamp = {
        Timestamp(millisecondsSinceEpoch: Int64(Date().timeIntervalSince1970 * 1_000))
    }
}
