import AMQP
import Bus
import Cache
import Contracts
import Foundation
import Logging
import Postgres
import PostgresTesting
import Reactor
import Redis
import ServiceKit
import Synchronization
import TestSupport

@testable import Users

/// A clock that the test advances.
final class TestClock: Sendable {
    private let moment = Mutex(Timestamp(millisecondsSinceEpoch: 1_800_000_000_000))
    var now: Timestamp { moment.withLock { $0 } }
    func advance(_ duration: Duration) { moment.withLock { $0 = $0 + duration } }
}

/// The users service of one test over a schema and a key prefix of its own, without a bus. Tests read the
/// outbox instead of events.
struct World: Sendable {
    static let io = IOThread(name: "users-tests")
    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    /// The lowest possible cost: these tests do not measure hashes.
    static let cost = PasswordCost(operations: 1, memoryMiB: 8)
    static let pool = HashingPool(threads: 2, queueLimit: 1_000, patience: .seconds(120))

    /// A bus that never runs.
    static let silent = Bus(
        BusConfiguration(
            service: .users, instance: "users-silent",
            endpoint: AMQPEndpoint(host: "127.0.0.1", port: 1, vhost: "/", user: "", password: "", connectionName: "test")),
        on: io, logger: logger)

    let database: PostgresPool
    let redis: RedisClient
    let prefix: String
    let clock: TestClock
    let outbox: Outbox
    /// The values that an admin has set.
    let lifetimes = CurrentValue(TokenLifetimes())
    let search = CurrentValue(SearchBounds())
    let one: Instance
    /// A second instance of the same service, with caches of its own.
    let other: Instance

    /// The handlers of one instance.
    struct Instance: Sendable {
        let accounts: AccountHandler
        let sessions: SessionHandler
        let profiles: ProfileHandler
        let contacts: ContactHandler
        let presence: PresenceHandler
        let keys: KeyRing

        fileprivate init(
            _ stores: Stores, cache: UserCaches, hasher: PasswordHasher, search: CurrentValue<SearchBounds>,
            nextID: @escaping @Sendable () async throws -> Int64, now: @escaping @Sendable () -> Timestamp
        ) {
            keys = KeyRing(stores.keys, now: now, logger: World.logger)
            accounts = AccountHandler(
                store: stores.accounts, profiles: stores.profiles, cache: cache, hasher: hasher, nextID: nextID, now: now)
            sessions = SessionHandler(
                store: stores.sessions, accounts: stores.accounts, cache: cache, hasher: hasher, keys: keys, nextID: nextID,
                now: now, logger: World.logger)
            profiles = ProfileHandler(cache: cache, bounds: search)
            contacts = ContactHandler(store: stores.contacts, now: now)
            presence = PresenceHandler(store: stores.presence, now: now)
        }
    }

    /// - Parameter bus: publishes committed events when it runs; otherwise they stay in the outbox.
    static func with<Answer>(
        bus: Bus = World.silent, _ body: (World) async throws -> Answer
    ) async throws -> Answer {
        try await TestDatabase.with(on: io) { own in
            // The trigram extension may be installed in `public`.
            var configuration = own.configuration
            configuration.schema = configuration.schema.map { "\($0),public" }
            _ = try await Migrator(UsersMigrations.all(), configuration, logger: logger).run()
            return try await TestDatabase.running(configuration, on: io) { database in
                try await withRedis { redis in try await body(World(database, redis: redis, bus: bus)) }
            }
        }
    }

    private static func withRedis<Answer>(_ body: (RedisClient) async throws -> Answer) async throws -> Answer {
        let redis = RedisClient(RedisEndpoint(host: TestStack.redis.host, port: TestStack.redis.port), on: io, logger: logger)
        let run = Task { try await redis.run() }
        defer { run.cancel() }
        try await eventually("Redis is there") { redis.isAvailable ? () : nil }
        return try await body(redis)
    }

    private init(_ database: PostgresPool, redis: RedisClient, bus: Bus) async throws {
        self.database = database
        self.redis = redis
        prefix = "\(TestStack.uniqueName("users")):"
        clock = TestClock()
        outbox = Outbox(database, bus: bus, logger: Self.logger)
        let hasher = try await PasswordHasher(cost: Self.cost, pool: Self.pool)
        let ids = IDs()
        let stores = Stores(
            accounts: AccountStore(database: database, outbox: outbox),
            profiles: ProfileStore(database: database, outbox: outbox),
            sessions: SessionStore(database: database, outbox: outbox, lifetimes: { [lifetimes] in lifetimes.now }),
            contacts: ContactStore(database: database, outbox: outbox), presence: PresenceStore(database: database),
            keys: KeyStore(database: database, seal: KeySeal(passphrase: "test")))
        let instance = { [clock, redis, prefix, search] in
            // No notices arrive: reads must be right without them.
            let cache = UserCaches(
                prefix: prefix, redis: redis, on: Self.io, profiles: stores.profiles, now: { clock.now }, broadcast: { _ in })
            return Instance(stores, cache: cache, hasher: hasher, search: search, nextID: { ids.next() }, now: { clock.now })
        }
        one = instance()
        other = instance()
    }

    fileprivate struct Stores {
        let accounts: AccountStore
        let profiles: ProfileStore
        let sessions: SessionStore
        let contacts: ContactStore
        let presence: PresenceStore
        let keys: KeyStore
    }

    private final class IDs: Sendable {
        private let last = Mutex<Int64>(1_000)
        func next() -> Int64 {
            last.withLock {
                $0 += 1
                return $0
            }
        }
    }
}

extension World {
    static let password = "correct horse battery"

    func register(_ username: String, displayName: String? = nil, key: String? = nil) async throws -> User {
        try await one.accounts.register(
            RegisterUser(
                username: username, password: Self.password, displayName: displayName ?? "Person \(username)", idempotencyKey: key
            ))
    }

    func logIn(_ username: String, device: String? = nil) async throws -> LogIn.Response {
        try await one.sessions.logIn(LogIn(username: username, password: Self.password, device: device))
    }

    /// Returns the session of a token from its claims.
    func session(of tokens: Tokens) throws -> SessionID {
        let payload = tokens.accessToken.split(separator: ".")[1].replacing("-", with: "+").replacing("_", with: "/")
        let data = Data(base64Encoded: payload + String(repeating: "=", count: (4 - payload.count % 4) % 4)) ?? Data()
        return try JSONDecoder().decode(AccessToken.self, from: data).sid
    }

    /// Returns the committed events of one type, in no order.
    func events<E: Event>(_ type: E.Type) async throws -> [E] {
        try await database.query("SELECT data FROM outbox WHERE type = \(E.type.rawValue)", as: [UInt8].self)
            .map { (data: [UInt8]) in try JSONDecoder().decode(E.self, from: Data(data)) }
    }

    func count(_ sql: SQL) async throws -> Int64 { try await database.one(sql, as: Int64.self) }
}

/// Returns the results of `count` tasks that start at one signal.
func atOnce<Answer: Sendable>(
    _ count: Int, _ body: @escaping @Sendable (Int) async throws -> Answer
) async -> [Result<Answer, any Error>] {
    let (start, signal) = AsyncStream.makeStream(of: Never.self)
    let tasks = (0..<count).map { number in
        Task {
            for await _ in start {}  // All tasks wait here until the stream ends.
            return try await body(number)
        }
    }
    signal.finish()
    var results: [Result<Answer, any Error>] = []
    for task in tasks { results.append(await task.result) }
    return results
}

extension Result {
    var value: Success? { try? get() }
    var code: ServiceError.Code? {
        if case .failure(let error as ServiceError) = self { error.code } else { nil }
    }
}

/// Returns the code of the `ServiceError` that `body` throws.
func refusal<Answer>(_ body: () async throws -> Answer) async -> ServiceError.Code? {
    do {
        _ = try await body()
        return nil
    } catch {
        return (error as? ServiceError)?.code
    }
}
