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

/// Time passes when the test says so.
final class TestClock: Sendable {
    private let moment = Mutex(Timestamp(millisecondsSinceEpoch: 1_800_000_000_000))
    var now: Timestamp { moment.withLock { $0 } }
    func advance(_ duration: Duration) { moment.withLock { $0 = $0 + duration } }
}

/// The users service of one test, over a schema and a key prefix of its own, without a bus: what it would
/// publish is read from its outbox.
struct World: Sendable {
    static let io = IOThread(name: "users-tests")
    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    /// As cheap as may be: what a hash costs is no matter of these tests.
    static let cost = PasswordCost(operations: 1, memoryMiB: 8)
    static let pool = HashingPool(threads: 2, queueLimit: 1_000, patience: .seconds(120))

    /// Never runs.
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
    /// What an admin has set.
    let lifetimes = CurrentValue(TokenLifetimes())
    let search = CurrentValue(SearchBounds())
    let one: Instance
    /// Another process of the same service, in all but the process.
    let other: Instance

    /// One running service.
    struct Instance: Sendable {
        let accounts: AccountHandler
        let sessions: SessionHandler
        let profiles: ProfileHandler
        let contacts: ContactHandler
        let presence: PresenceHandler
        let keys: KeyRing
    }

    /// - Parameter bus: publishes what is committed, when it runs; without one, the outbox keeps it.
    static func with<Answer>(
        bus: Bus = World.silent, _ body: (World) async throws -> Answer
    ) async throws -> Answer {
        try await TestDatabase.with(on: io) { own in
            // The trigram extension is found in `public` where nobody has put it among the system's own.
            var configuration = own.configuration
            configuration.schema = configuration.schema.map { "\($0),public" }
            _ = try await Migrator(UsersMigrations.all(), configuration, logger: logger).run()
            return try await TestDatabase.running(configuration, on: io) { database in
                try await withRedis { redis in try await body(World(database, redis, bus)) }
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

    private init(_ database: PostgresPool, _ redis: RedisClient, _ bus: Bus) async throws {
        (self.database, self.redis) = (database, redis)
        (prefix, clock, outbox) = (
            "\(TestStack.uniqueName("users")):", TestClock(), Outbox(database, bus: bus, logger: Self.logger)
        )
        let hasher = try await PasswordHasher(cost: Self.cost, pool: Self.pool)
        let ids = IDs()
        one = Self.instance(database, redis, prefix, clock, outbox, hasher, ids, lifetimes, search)
        other = Self.instance(database, redis, prefix, clock, outbox, hasher, ids, lifetimes, search)
    }

    private static func instance(
        _ database: PostgresPool, _ redis: RedisClient, _ prefix: String, _ clock: TestClock, _ outbox: Outbox,
        _ hasher: PasswordHasher,
        _ ids: IDs, _ lifetimes: CurrentValue<TokenLifetimes>, _ search: CurrentValue<SearchBounds>
    ) -> Instance {
        let now: @Sendable () -> Timestamp = { clock.now }
        let nextID: @Sendable () async throws -> Int64 = { ids.next() }
        let accounts = AccountStore(database: database, outbox: outbox)
        let profiles = ProfileStore(database: database, outbox: outbox)
        let sessions = SessionStore(database: database, outbox: outbox, lifetimes: { lifetimes.now })
        // Nobody passes on the notices here: what is read must be right without them.
        let cache = UserCaches(prefix: prefix, redis: redis, on: io, profiles: profiles, now: now, broadcast: { _ in })
        let keys = KeyRing(KeyStore(database: database, seal: KeySeal(passphrase: "test")), now: now, logger: logger)
        return Instance(
            accounts: AccountHandler(store: accounts, profiles: profiles, cache: cache, hasher: hasher, nextID: nextID, now: now),
            sessions: SessionHandler(
                store: sessions, accounts: accounts, cache: cache, hasher: hasher, keys: keys, nextID: nextID, now: now,
                logger: logger),
            profiles: ProfileHandler(cache: cache, bounds: search),
            contacts: ContactHandler(store: ContactStore(database: database, outbox: outbox), now: now),
            presence: PresenceHandler(store: PresenceStore(database: database), now: now),
            keys: keys)
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

    /// The session that a token belongs to, as an edge reads it from the claims.
    func session(of tokens: Tokens) throws -> SessionID {
        let payload = tokens.accessToken.split(separator: ".")[1].replacing("-", with: "+").replacing("_", with: "/")
        let data = Data(base64Encoded: payload + String(repeating: "=", count: (4 - payload.count % 4) % 4)) ?? Data()
        return try JSONDecoder().decode(AccessToken.self, from: data).sid
    }

    /// The facts of one type that were committed, in no order.
    func facts<E: Event>(_ type: E.Type) async throws -> [E] {
        try await database.query("SELECT data FROM outbox WHERE type = \(E.type.rawValue)", as: [UInt8].self)
            .map { (data: [UInt8]) in try JSONDecoder().decode(E.self, from: Data(data)) }
    }

    func count(_ sql: SQL) async throws -> Int64 { try await database.one(sql, as: Int64.self) }
}

/// What each of `count` tasks got that began at one signal.
func atOnce<Answer: Sendable>(
    _ count: Int, _ body: @escaping @Sendable (Int) async throws -> Answer
) async -> [Result<Answer, any Error>] {
    let (start, signal) = AsyncStream.makeStream(of: Never.self)
    let tasks = (0..<count).map { number in
        Task {
            for await _ in start {}  // all of them stand here until the stream ends
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

/// The code of the error that `body` throws; anything else fails the test where it is compared.
func refusal<Answer>(_ body: () async throws -> Answer) async -> ServiceError.Code? {
    do {
        _ = try await body()
        return nil
    } catch {
        return (error as? ServiceError)?.code
    }
}
