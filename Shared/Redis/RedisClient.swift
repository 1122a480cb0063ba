import Logging
import Reactor
import ServiceLifecycle
import Synchronization

/// One connection to a Redis, shared by everything in the process: commands of one loop turn leave together, answers come back in their order.
///
/// While there is no connection every command fails at once. Commands that make Redis wait (`BLPOP`) or change the connection (`SUBSCRIBE`, `MULTI`) have no
/// place here: they would hold up or confuse everybody else.
package actor RedisClient: Service {
    package nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    typealias Waiter = UnsafeContinuation<Result<RedisReply, RedisError>, Never>

    let io: IOThread
    let endpoint: RedisEndpoint
    private let logger: Logger
    private let standing = Mutex<RedisSession?>(nil)

    /// Present while connected.
    var link: Link?
    var output = OutputBuffer()
    var inFlight = InFlight<Waiter>()
    /// What was decided before whoever asked came to wait for it.
    var decided: [InFlight<Waiter>.Ticket: Result<RedisReply, RedisError>] = [:]
    var lastReceivedAt: Nanoseconds = 0
    /// When the timer that looks for late answers fires; `nil` when none is set.
    var watchAt: Nanoseconds?
    private var generation = 0
    private var lost: CheckedContinuation<Void, Never>?
    private var observers: [@Sendable (RedisStatus) -> Void] = []

    struct Link: ~Copyable {
        var context: RedisContext
        let session: RedisSession
    }

    /// Does nothing until ``run()``.
    package init(_ endpoint: RedisEndpoint, on io: IOThread, logger: Logger) {
        self.endpoint = endpoint
        self.io = io
        self.logger = logger
    }

    /// The standing connection, if any. From any thread; a moment later it may be another.
    package nonisolated var session: RedisSession? { standing.withLock { $0 } }
    /// Whether a command would be sent now. From any thread; a moment later it may be otherwise.
    package nonisolated var isAvailable: Bool { session != nil }

    /// Tells `observer` of every change from now on, on the I/O thread; of a standing connection at once.
    package func observe(_ observer: @escaping @Sendable (RedisStatus) -> Void) {
        observers.append(observer)
        if let session { observer(.connected(session)) }
    }

    // MARK: Staying connected

    /// Keeps the connection until graceful shutdown or cancellation, then closes it: whoever still waits gets `connectionLost`.
    package func run() async throws {
        await cancelWhenGracefulShutdown { await self.stayConnected() }
    }

    private func stayConnected() async {
        await endpoint.stayConnected(logger: logger) { connection in
            adopt(connection)
            await untilLost()
        }
    }

    private func adopt(_ connection: consuming SignedIn) {
        generation += 1
        let session = RedisSession(generation: generation, server: connection.server)
        link = Link(context: connection.context, session: session)
        lastReceivedAt = monotonicNow()
        io.add(self)
        standing.withLock { $0 = session }
        logger.info("Redis connected", metadata: ["generation": "\(generation)"])
        for observer in observers { observer(.connected(session)) }
    }

    private func untilLost() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // It may be gone already.
                if link == nil { continuation.resume() } else { lost = continuation }
            }
        } onCancel: {
            Task { await self.close(.connectionLost) }
        }
    }

    /// Gives the connection up, tells everyone who waits, and lets ``run()`` go on. Does nothing without one.
    func close(_ error: RedisError) {
        guard link != nil else { return }
        link = nil
        io.remove(self)
        standing.withLock { $0 = nil }
        output.removeAll()
        logger.warning("Redis connection lost", metadata: ["error": "\(error)"])
        for party in inFlight.removeAll() { decide(party, .failure(.connectionLost)) }
        for observer in observers { observer(.disconnected(error)) }
        lost.take()?.resume()
    }
}
