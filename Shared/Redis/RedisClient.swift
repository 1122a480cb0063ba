import Logging
import Reactor
import ServiceLifecycle
import Synchronization

/// One connection to Redis, shared by the whole process.
///
/// Commands of one loop turn leave in one write, and replies arrive in the order of the commands. Without a
/// connection, every command fails at once. Do not send commands that block (`BLPOP`) or change the
/// connection (`SUBSCRIBE`, `MULTI`): they would delay or break the commands of other callers.
package actor RedisClient: Service {
    package nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    typealias Waiter = UnsafeContinuation<Result<RedisReply, RedisError>, Never>

    let io: IOThread
    let endpoint: RedisEndpoint
    private let logger: Logger
    private let currentSession = Mutex<RedisSession?>(nil)

    /// Present while connected.
    var link: Link?
    var output = OutputBuffer()
    var inFlight = InFlightCommands<Waiter>()
    /// Results that arrived before the waiter of the command was attached.
    var earlyResults: [InFlightCommands<Waiter>.Ticket: Result<RedisReply, RedisError>] = [:]
    var lastReceivedAt: Nanoseconds = 0
    /// When the timer that checks deadlines fires; `nil` without a timer.
    var deadlineCheckAt: Nanoseconds?
    private var generation = 0
    private var lossWaiter: CheckedContinuation<Void, Never>?
    private var observers: [@Sendable (RedisStatus) -> Void] = []

    struct Link: ~Copyable {
        var context: RedisContext
        let session: RedisSession
    }

    /// Creates a client that connects once ``run()`` is called.
    package init(_ endpoint: RedisEndpoint, on io: IOThread, logger: Logger) {
        self.endpoint = endpoint
        self.io = io
        self.logger = logger
    }

    /// The present connection, if there is one. From any thread; it may change at any moment.
    package nonisolated var session: RedisSession? { currentSession.withLock { $0 } }
    /// Whether there is a connection. From any thread; it may change at any moment.
    package nonisolated var isAvailable: Bool { session != nil }

    /// Calls `observer` on the I/O thread for every later change, and at once if there is a connection.
    package func observe(_ observer: @escaping @Sendable (RedisStatus) -> Void) {
        observers.append(observer)
        if let session { observer(.connected(session)) }
    }

    // MARK: Connection

    /// Keeps a connection until graceful shutdown or cancellation. Then pending commands fail with
    /// `connectionLost`.
    package func run() async throws {
        await cancelWhenGracefulShutdown { await self.stayConnected() }
    }

    private func stayConnected() async {
        await endpoint.stayConnected(logger: logger) { connection in
            adopt(connection)
            await waitForLoss()
        }
    }

    private func adopt(_ connection: consuming EstablishedConnection) {
        generation += 1
        let session = RedisSession(generation: generation, server: connection.server)
        link = Link(context: connection.context, session: session)
        lastReceivedAt = monotonicNow()
        io.add(self)
        currentSession.withLock { $0 = session }
        logger.info("Redis connected", metadata: ["generation": "\(generation)"])
        for observer in observers { observer(.connected(session)) }
    }

    private func waitForLoss() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // The connection may be lost already.
                if link == nil { continuation.resume() } else { lossWaiter = continuation }
            }
        } onCancel: {
            io.post { self.assumeIsolated { $0.close(.connectionLost) } }
        }
    }

    /// Closes the connection, fails pending commands and lets ``run()`` reconnect. No effect without a
    /// connection.
    func close(_ error: RedisError) {
        guard link != nil else { return }
        link = nil
        io.remove(self)
        currentSession.withLock { $0 = nil }
        output.removeAll()
        logger.warning("Redis connection lost", metadata: ["error": "\(error)"])
        for recipient in inFlight.removeAll() { deliver(.failure(.connectionLost), to: recipient) }
        for observer in observers { observer(.disconnected(error)) }
        lossWaiter.take()?.resume()
    }
}

/// One connection of a client.
package struct RedisSession: Hashable, Sendable {
    /// 1, 2, 3, … for the connections of one client.
    package let generation: Int
    /// Identifies the server process (`run_id`): changes with every restart and every failover.
    package let server: String
}

/// A change of a client's connection, reported on the I/O thread and in order.
package enum RedisStatus: Equatable, Sendable {
    case connected(RedisSession)
    /// All pending commands have failed before this is reported.
    case disconnected(RedisError)
}
