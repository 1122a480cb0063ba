import Logging
import Reactor
import ServiceLifecycle
import Synchronization

extension PostgresPool {
    /// Connects, reconnects after a loss (0.1 s to 1 s between tries, jittered), until shutdown or cancellation. Then takes no new work, waits up to 10 s for
    /// what is in flight, and closes. Never throws for a server that is away.
    package func run() async throws {
        await withDiscardingTaskGroup { group in
            for slot in shared.indices { group.addTask { await self.keepConnected(slot) } }
            try? await gracefulShutdown()
            await shutDown()
            group.cancelAll()
        }
    }

    /// Returns once statements can be sent; at once when they can, or when the caller is cancelled.
    package func ready() async {
        let id = nextCaller()
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if state.isAvailable || state.isClosed || Task.isCancelled { return continuation.resume() }
                readyWaiters[id] = continuation
            }
        } onCancel: {
            Task(executorPreference: io) { await self.stopWaitingForReady(id) }
        }
    }

    private func stopWaitingForReady(_ id: UInt64) { readyWaiters.removeValue(forKey: id)?.resume() }

    private func keepConnected(_ slot: Int) async {
        var backoff = Backoff(.milliseconds(100)...(.seconds(1)))
        while !state.isClosed {
            do {
                let opened = try await open()
                if await serve(slot, opened) { backoff.reset() }
            } catch {
                noteFailure(error)
            }
            if !state.isClosed { try? await Task.sleep(for: backoff.next()) }
        }
    }

    /// Connects and logs in, on a thread of its own.
    func open() async throws -> OpenedConnection {
        let configuration = configuration
        return try await Blocking.run { try OpenedConnection.openPipelined(configuration) }
    }

    /// Lets callers use the connection until it is gone; whether it was of any use.
    private func serve(_ slot: Int, _ opened: OpenedConnection) async -> Bool {
        let connection = PostgresConnection(
            number: nextConnectionNumber(), opened, configuration, on: io,
            events: PostgresConnection.Events(
                flightEnded: { [weak self] in self?.assumeIsolated { $0.flightEnded(slot) } },
                closed: { [weak self] error in self?.assumeIsolated { $0.sharedClosed(slot, error) } }))
        let began = ContinuousClock.now
        install(connection, slot)
        await withCheckedContinuation { closed in
            // It may have gone while those who waited were sent on it.
            if shared[slot] === connection { closedWaiters[slot] = closed } else { closed.resume() }
        }
        return ContinuousClock.now - began > .seconds(1)
    }

    private func install(_ connection: PostgresConnection, _ slot: Int) {
        if state.isClosed { return connection.assumeIsolated { $0.close(.unavailable, "shutting down") } }
        connection.assumeIsolated { $0.start() }
        shared[slot] = connection
        logger.info("connected to Postgres", metadata: ["slot": "\(slot)", "host": "\(configuration.address.host)"])
        for caller in state.connected(slot: slot) { startWaiting(caller, on: connection) }
        available.store(state.isAvailable, ordering: .relaxed)
        for waiter in readyWaiters.values { waiter.resume() }
        readyWaiters = [:]
    }

    private func sharedClosed(_ slot: Int, _ error: PostgresError) {
        shared[slot] = nil
        let stranded = state.disconnected(slot: slot)
        if !state.isClosed {
            logger.warning("lost a connection to Postgres", metadata: ["slot": "\(slot)", "error": "\(error)"])
            lastFailure = error.message
        }
        available.store(state.isAvailable, ordering: .relaxed)
        fail(stranded, PostgresError(.unavailable, error.message))
        closedWaiters.removeValue(forKey: slot)?.resume()
        noteQuiet()
    }

    private func noteFailure(_ error: any Error) {
        let message = (error as? PostgresError)?.message ?? "\(error)"
        if message != lastFailure { logger.warning("cannot connect to Postgres", metadata: ["error": "\(message)"]) }
        lastFailure = message
    }

    // MARK: The end

    private func shutDown() async {
        state.close()
        available.store(false, ordering: .relaxed)
        fail(state.takeAllWaiting(), error(for: .closed))
        if !state.isQuiet { await quiet(within: .seconds(10)) }
        closeAll()
    }

    private func closeAll() {
        for connection in shared.compactMap(\.self) + exclusive.values {
            connection.assumeIsolated { $0.close(.unavailable, "shutting down") }
        }
        for waiter in readyWaiters.values { waiter.resume() }
        readyWaiters = [:]
    }

    private func quiet(within limit: Duration) async {
        let timer = io.schedule(after: limit) { [weak self] in self?.assumeIsolated { $0.stopWaitingForQuiet() } }
        await withCheckedContinuation { quietWaiter = $0 }
        io.cancel(timer)
    }

    private func stopWaitingForQuiet() {
        quietWaiter.take()?.resume()
    }

    /// To be called whenever work ends.
    func noteQuiet() {
        if quietWaiter != nil, state.isQuiet { stopWaitingForQuiet() }
    }
}
