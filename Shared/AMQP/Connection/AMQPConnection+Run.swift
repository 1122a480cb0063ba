import Logging
import Reactor
import ServiceLifecycle

/// What ``AMQPConnection/run()`` waits for.
struct Life {
    enum Stop: Comparable { case gracefully, now }

    var stop: Stop?
    var arrived: Result<ConnectionHandle, AMQPError>?
    /// Set by the timer of the present wait.
    var timeIsUp = false
    private var sleeper: CheckedContinuation<Void, Never>?

    mutating func sleep(_ continuation: CheckedContinuation<Void, Never>) { sleeper = continuation }

    /// Forgets the sleeper before it is woken: it may go on at once, and sleep again.
    mutating func wakeUp() { sleeper.take()?.resume() }
}

extension AMQPConnection {
    /// Keeps the connection up. Asked to stop, it refuses new messages, waits for outstanding confirms (at most `drainTimeout`), and closes.
    /// Cancelled, it closes at once. Runs once.
    package func run() async throws {
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await keepConnected()
            } onGracefulShutdown: {
                self.request(.gracefully)
            }
        } onCancel: {
            self.request(.now)
        }
    }

    private nonisolated func request(_ stop: Life.Stop) { Task { await self.stop(stop) } }

    private func stop(_ stop: Life.Stop) {
        life.stop = max(life.stop ?? stop, stop)
        life.wakeUp()
    }

    private func keepConnected() async {
        var backoff = Retry(endpoint.backoff)
        while life.stop == nil {
            if await connect() {
                backoff.succeed()
                await sleep { $0.link == nil || $0.life.stop != nil }
            }
            if life.stop == nil { await sleep(atMost: backoff.wait()) { $0.life.stop != nil } }
        }
        await finish()
    }

    /// Whether it worked. The attempt itself is on a thread that may block; asked to stop, we do not wait for it.
    private func connect() async -> Bool {
        let login = Login(endpoint: endpoint)
        Task { self.arrive(await Self.attempt(login)) }
        await sleep { $0.life.arrived != nil || $0.life.stop != nil }
        switch life.arrived.take() {
        case .success(let handle)? where life.stop == nil:
            takeOver(handle)
            return true
        case .failure(let error)?:
            lastError = error
            logger.warning("cannot connect to the broker", metadata: ["reason": "\(error)"])
            for case let core? in channels { core.lastError = error }
            notify(.disconnected(error))
            return false
        default: return false
        }
    }

    private func arrive(_ result: Result<ConnectionHandle, AMQPError>) {
        guard life.stop == nil else { return }
        life.arrived = result
        life.wakeUp()
    }

    private nonisolated static func attempt(_ login: Login) async -> Result<ConnectionHandle, AMQPError> {
        do {
            return .success(try await Blocking.run { try login.connect() })
        } catch {
            return .failure(error as? AMQPError ?? .notConnected("\(error)"))
        }
    }

    // MARK: Stopping

    private func finish() async {
        if let link, life.stop == .gracefully {
            await sleep(atMost: endpoint.drainTimeout) { $0.link == nil || $0.isQuiet || $0.life.stop == .now }
            if self.link === link { await sayGoodbye(link) }
        }
        lose(.notConnected("the connection has stopped"))
        lastError = .notConnected("the connection has stopped")
        endWaiting()
    }

    private func sayGoodbye(_ link: Link) async {
        link.closing = true
        flushAcks(link)
        link.output.close(0, text: "stopped")
        await sleep(atMost: .seconds(1)) { $0.link == nil || $0.life.stop == .now }
    }

    /// Everything written, everything answered.
    private var isQuiet: Bool {
        guard let link, link.output.count == 0 else { return link == nil }
        return channels.allSatisfy { $0 == nil || ($0?.window?.isEmpty ?? true) && ($0?.waiting.isEmpty ?? true) }
    }

    private func endWaiting() {
        for (_, waiter) in openWaiters { waiter.continuation.resume(returning: lastError) }
        openWaiters = [:]
    }

    // MARK: Sleeping

    /// Waits until `done`, looked at after every ``Life/wakeUp()``, or until the time is up.
    private func sleep(atMost limit: Duration? = nil, until done: (isolated AMQPConnection) -> Bool) async {
        life.timeIsUp = false
        let timer = limit.map { limit in
            io.schedule(after: limit) { self.assumeIsolated { $0.timeIsUp() } }
        }
        while !life.timeIsUp, !done(self) {
            await withCheckedContinuation { sleeper in
                // Asked again here, because it may have happened on the way to the continuation.
                if life.timeIsUp || done(self) { sleeper.resume() } else { life.sleep(sleeper) }
            }
        }
        if let timer { io.cancel(timer) }
    }

    private func timeIsUp() {
        life.timeIsUp = true
        life.wakeUp()
    }
}
