import Logging
import Reactor
import Redis
import TestSupport

/// The thread that all tests of this target share.
let io = IOThread(name: "redis-tests")

extension RedisEndpoint {
    static var test: RedisEndpoint { patient(port: TestStack.redis.port) }

    static func patient(port: Int) -> RedisEndpoint {
        var endpoint = RedisEndpoint(host: "127.0.0.1", port: port)
        // The machine may be busy. Timeouts are tested with servers of their own.
        endpoint.commandTimeout = .seconds(30)
        endpoint.stallTimeout = .seconds(30)
        endpoint.connectTimeout = .seconds(30)
        return endpoint
    }
}

/// Calls `body` with a client that is connected and stays so until it returns.
func withClient<Result: Sendable>(
    _ endpoint: RedisEndpoint = .test, _ body: @escaping @Sendable (RedisClient) async throws -> Result
) async throws -> Result {
    let client = RedisClient(endpoint, on: io, logger: .quiet)
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await client.run() }
        defer { group.cancelAll() }
        try await client.connected()
        return try await body(client)
    }
}

extension RedisClient {
    func connected() async throws { _ = try await eventually("connecting") { isAvailable ? true : nil } }
    func disconnected() async throws { _ = try await eventually("losing the connection") { isAvailable ? nil : true } }
}

extension Logger {
    /// Discards everything.
    static var quiet: Logger { Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }) }
}

/// A key that no other test uses.
func uniqueKey(_ name: String = "key") -> RedisArgument { .text(TestStack.uniqueName("redis") + ":" + name) }

/// Records the events of a listener.
struct EventRecorder: Sendable {
    private let events = AsyncStream<RedisSubscriptionEvent>.makeStream()
    var listener: @Sendable (RedisSubscriptionEvent) -> Void {
        { [continuation = events.continuation] in continuation.yield($0) }
    }

    func next() async -> RedisSubscriptionEvent? {
        for await event in events.stream { return event }
        return nil
    }
}
