import Logging
import Reactor
import ServiceLifecycle
import Synchronization

/// A connection that has authenticated and answered a first command.
struct EstablishedConnection: ~Copyable, Sendable {
    var context: RedisContext
    /// Identifies the server process (`run_id`): changes with every restart and every failover.
    let server: String

    /// Connects and authenticates on a thread of the blocking pool.
    ///
    /// - Throws: ``RedisError``: `refused` when Redis rejects the credentials, `connectionLost` when it is
    ///   unreachable or does not answer.
    static func connect(to endpoint: RedisEndpoint) async throws -> EstablishedConnection {
        let transfer = try await Blocking.run { ConnectionTransfer(try EstablishedConnection(endpoint)) }
        return try transfer.receive()
    }

    /// Blocks.
    private init(_ endpoint: RedisEndpoint) throws(RedisError) {
        var context = try RedisContext.connect(host: endpoint.host, port: endpoint.port, timeout: endpoint.connectTimeout)
        if let password = endpoint.password {
            _ = try context.request(["AUTH"] + (endpoint.user.map { [.text($0)] } ?? []) + [.text(password)])
        }
        _ = try context.request(["CLIENT", "SETNAME", .text(endpoint.clientName)])
        // A paused Redis still accepts connections, so a reply is required.
        let server = try Self.runID(try context.request(["INFO", "server"]))
        try context.stopBlocking()
        self.context = context
        self.server = server
    }

    private static func runID(_ info: RedisReply) throws(RedisError) -> String {
        let lines = String(decoding: try info.optionalBytes() ?? [], as: UTF8.self).split(whereSeparator: \.isNewline)
        guard let line = lines.first(where: { $0.hasPrefix("run_id:") }) else {
            throw .unexpected(info, expected: "a run_id in INFO")
        }
        return String(line.dropFirst("run_id:".count))
    }
}

/// Moves a connection from the thread that opened it to the thread that uses it.
private final class ConnectionTransfer: Sendable {
    private let content: Mutex<EstablishedConnection?>

    init(_ connection: consuming EstablishedConnection) { content = Mutex(consume connection) }

    func receive() throws(RedisError) -> EstablishedConnection {
        let connection = content.withLock { $0.take() }
        guard let connection else { throw .connectionLost }
        return connection
    }
}

extension RedisEndpoint {
    /// Connects and calls `use`, again and again, until graceful shutdown or cancellation.
    ///
    /// - Parameter use: uses the connection; returns when the connection is lost or the task is cancelled.
    func stayConnected(
        logger: Logger, isolation: isolated (any Actor)? = #isolation, use: (consuming EstablishedConnection) async -> Void
    ) async {
        var backoff = Backoff(.milliseconds(100)...(.seconds(1)))
        while !Task.isCancelled {
            do {
                let connection = try await EstablishedConnection.connect(to: self)
                let began = ContinuousClock.now
                await use(connection)
                // A connection that was lost within a second does not reset the backoff.
                if ContinuousClock.now - began > .seconds(1) { backoff.reset() }
            } catch {
                logger.warning("Redis connection attempt failed", metadata: ["error": "\(error)"])
            }
            try? await Task.sleep(for: backoff.next())
        }
    }
}
