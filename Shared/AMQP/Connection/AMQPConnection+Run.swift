import Logging
import Reactor
import ServiceLifecycle

/// The state that ``AMQPConnection/run()`` waits for.
struct RunState {
    enum Stop: Comparable { case gracefully, now }

    var stop: Stop?
    var attemptResult: Result<ConnectionHandle, AMQPError>?
    /// Whether the timer of the current wait has fired.
    var hasTimedOut = false
    private var sleeper: CheckedContinuation<Void, Never>?

    mutating func sleep(_ continuation: CheckedContinuation<Void, Never>) { sleeper = continuation }

    /// Resumes the sleeper, after removing it: it may sleep again at once.
    mutating func resumeSleeper() { sleeper.take()?.resume() }
}

extension AMQPConnection {
    /// Keeps the connection up until shutdown or cancellation. Runs once.
    ///
    /// On shutdown it rejects new messages, waits up to `drainTimeout` for outstanding confirms, and closes.
    /// On cancellation it closes at once.
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

    private nonisolated func request(_ stop: RunState.Stop) { io.post { self.assumeIsolated { $0.stop(stop) } } }

    private func stop(_ stop: RunState.Stop) {
        runState.stop = max(runState.stop ?? stop, stop)
        runState.resumeSleeper()
    }

    private func keepConnected() async {
        var backoff = Retry(endpoint.backoff)
        while runState.stop == nil {
            if await connect() {
                backoff.succeed()
                await sleep { $0.link == nil || $0.runState.stop != nil }
            }
            if runState.stop == nil { await sleep(atMost: backoff.nextDelay()) { $0.runState.stop != nil } }
        }
        await finish()
    }

    /// Makes one attempt to connect and returns whether it succeeded. It runs on a thread that may block; a
    /// stop does not wait for it.
    private func connect() async -> Bool {
        let login = Login(endpoint: endpoint)
        Task { self.completeAttempt(await Self.attempt(login)) }
        await sleep { $0.runState.attemptResult != nil || $0.runState.stop != nil }
        switch runState.attemptResult.take() {
        case .success(let handle)? where runState.stop == nil:
            adopt(handle)
            return true
        case .failure(let error)?:
            lastError = error
            logger.warning("connecting to the broker failed", metadata: ["reason": "\(error)"])
            for case let core? in channels { core.lastError = error }
            notify(.disconnected(error))
            return false
        default: return false
        }
    }

    private func completeAttempt(_ result: Result<ConnectionHandle, AMQPError>) {
        guard runState.stop == nil else { return }
        runState.attemptResult = result
        runState.resumeSleeper()
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
        if let link, runState.stop == .gracefully {
            await sleep(atMost: endpoint.drainTimeout) { $0.link == nil || $0.isQuiet || $0.runState.stop == .now }
            if self.link === link { await sendConnectionClose(link) }
        }
        disconnect(.notConnected("the connection has stopped"))
        lastError = .notConnected("the connection has stopped")
        endWaiting()
    }

    private func sendConnectionClose(_ link: Link) async {
        link.closing = true
        flushAcks(link)
        link.output.close(0, text: "stopped")
        await sleep(atMost: .seconds(1)) { $0.link == nil || $0.runState.stop == .now }
    }

    /// Whether all output is written and all messages are answered.
    private var isQuiet: Bool {
        guard let link, link.output.count == 0 else { return link == nil }
        return channels.allSatisfy { $0 == nil || ($0?.window?.isEmpty ?? true) && ($0?.waiting.isEmpty ?? true) }
    }

    private func endWaiting() {
        for (_, waiter) in openWaiters { waiter.continuation.resume(returning: lastError) }
        openWaiters = [:]
    }

    // MARK: Sleeping

    /// Waits until `done` is true, evaluated after every ``RunState/resumeSleeper()``, or until `limit` has
    /// passed.
    private func sleep(atMost limit: Duration? = nil, until done: (isolated AMQPConnection) -> Bool) async {
        runState.hasTimedOut = false
        let timer = limit.map { limit in
            io.schedule(after: limit) { self.assumeIsolated { $0.timeOut() } }
        }
        while !runState.hasTimedOut, !done(self) {
            await withCheckedContinuation { sleeper in
                // Checked again, because it may have become true before the continuation existed.
                if runState.hasTimedOut || done(self) { sleeper.resume() } else { runState.sleep(sleeper) }
            }
        }
        if let timer { io.cancel(timer) }
    }

    private func timeOut() {
        runState.hasTimedOut = true
        runState.resumeSleeper()
    }
}
