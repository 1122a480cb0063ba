import Logging
import Reactor
import Redis
import Synchronization
import TestSupport

@testable import Cache

/// The thread that all tests of this target share.
let io = IOThread(name: "cache-tests")

/// A store with the semantics of a database: every change has a version, and readers see committed values.
actor Store {
    private var rows: [Int64: Versioned<String>] = [:]
    private(set) var loads: [[Int64]] = []
    private var gate: Gate?
    private var failure: (any Error)?

    struct Away: Error {}

    /// - Returns: the version of this change.
    @discardableResult
    func commit(_ key: Int64, _ value: String?) -> Versioned<String> {
        let row = Versioned(value, version: (rows[key]?.version ?? 0) + 1)
        rows[key] = row
        return row
    }

    /// Takes a snapshot, then waits at the gate if there is one.
    func load(_ keys: [Int64]) async throws -> [Int64: Versioned<String>] {
        loads.append(keys)
        if let failure { throw failure }
        let snapshot = rows.filter { keys.contains($0.key) }
        if let gate {
            gate.arrived.continuation.yield()
            for await _ in gate.leave.stream { break }
        }
        return snapshot
    }

    func fail(_ error: (any Error)?) { failure = error }

    /// Makes every load wait after its snapshot, until the gate releases it.
    func hold() -> Gate {
        let gate = Gate()
        self.gate = gate
        return gate
    }

    func stopHolding() { gate = nil }
}

/// The place where loads wait.
struct Gate: Sendable {
    fileprivate let arrived = AsyncStream<Void>.makeStream()
    fileprivate let leave = AsyncStream<Void>.makeStream()

    /// Waits until a load has taken its snapshot.
    func arrival() async { for await _ in arrived.stream { break } }
    /// Lets one load continue.
    func release() { leave.continuation.yield() }
}

extension Logger {
    /// Discards everything.
    static var quiet: Logger { Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }) }
}

extension CacheCoder where Value == String {
    static var text: CacheCoder { CacheCoder(encode: { Array($0.utf8) }, decode: { String(decoding: $0, as: UTF8.self) }) }
}

extension CacheConfiguration {
    /// A configuration with a prefix that no other test uses.
    static func unique() -> CacheConfiguration {
        var configuration = CacheConfiguration(prefix: TestStack.uniqueName("cache") + ":", kind: "text.v1")
        // A busy machine must end neither loads nor leases.
        configuration.loadTimeout = .seconds(300)
        configuration.leaseTime = .seconds(600)
        return configuration
    }
}

typealias TextCache = Cache<Int64, String>

extension Cache where Key == Int64, Value == String {
    init(
        _ configuration: CacheConfiguration, _ client: RedisClient, store: Store, gate: LoadGate = LoadGate(),
        clock: TestClock? = nil,
        broadcast: @escaping Broadcast = { _ in }
    ) {
        let now: @Sendable () -> ContinuousClock.Instant = { clock?.now ?? ContinuousClock.now }
        self.init(
            configuration, redis: client, on: CacheTests.io, coder: .text, gate: gate, now: now, broadcast: broadcast,
            load: { keys in try await store.load(keys) })
    }
}

/// A clock that the test advances.
final class TestClock: Sendable {
    private let time = Mutex(ContinuousClock.now)
    var now: ContinuousClock.Instant { time.withLock { $0 } }
    func advance(by duration: Duration) { time.withLock { $0 += duration } }
}

extension RedisEndpoint {
    /// An endpoint with long timeouts, because the machine may be busy.
    static func patient(host: String = TestStack.redis.host, port: Int = TestStack.redis.port) -> RedisEndpoint {
        var endpoint = RedisEndpoint(host: host, port: port)
        endpoint.commandTimeout = .seconds(30)
        endpoint.stallTimeout = .seconds(30)
        endpoint.connectTimeout = .seconds(30)
        return endpoint
    }
}

/// Calls `body` with clients that are connected and stay so until it returns.
func withClients<Result: Sendable>(
    _ count: Int, endpoint: RedisEndpoint = .patient(), _ body: ([RedisClient]) async throws -> Result
) async throws -> Result {
    let clients = (0..<count).map { _ in RedisClient(endpoint, on: io, logger: .quiet) }
    return try await withThrowingTaskGroup(of: Void.self) { group in
        for client in clients { group.addTask { try await client.run() } }
        defer { group.cancelAll() }
        for client in clients { try await client.connected() }
        return try await body(clients)
    }
}

extension RedisClient {
    func connected() async throws { _ = try await eventually("connecting") { isAvailable ? true : nil } }
    func disconnected() async throws { _ = try await eventually("losing the connection") { isAvailable ? nil : true } }
}

/// A client that never connects.
func away() -> RedisClient { RedisClient(RedisEndpoint(host: "127.0.0.1", port: 1), on: io, logger: .quiet) }

extension Cache {
    var waiting: Int { waiters.count }
    func isFenced(_ key: Key) -> Bool { staleKeys.minimumVersion(of: key, asked: now()) != nil }
    var hasSentAllInvalidations: Bool { pendingInvalidations.invalidations.isEmpty }

    /// Deletes a key as Redis does when its memory is full.
    func evict(_ key: Key) async {
        guard let session = tier.redis.session else { return }
        _ = try? await tier.redis.command(["DEL", tier.name(key, on: session)])
    }
}

/// Records the notices that a cache broadcasts.
final class Notices: Sendable {
    private let notices = Mutex<[CacheNotice]>([])
    var all: [CacheNotice] { notices.withLock { $0 } }
    func add(_ notice: CacheNotice) { notices.withLock { $0.append(notice) } }
}
