import Logging
import Reactor
import ServiceLifecycle
import Synchronization

extension PostgresPool {
    /// Keeps the shared connections open until shutdown or cancellation. Reconnects 0.1 to 1 s after a loss,
    /// with jitter.
    ///
    /// On shutdown it accepts no new work, waits up to 10 s for work in flight, and closes. An unreachable
    /// server is not an error.
    package func run() async throws {
        await withDiscardingTaskGroup { group in
            for slot in shared.indices { group.addTask { await self.keepConnected(slot) } }
            try? await gracefulShutdown()
            await shutDown()
            group.cancelAll()
        }
    }

    /// Returns when statements can be sent, at once if they can, or when the caller is cancelled.
    package func ready() async {
        let id = nextCaller()
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if state.isAvailable || state.isClosed || Task.isCancelled { return continuation.resume() }
                readyWaiters[id] = continuation
            }
        } onCancel: {
            io.post { self.assumeIsolated { $0.stopWaitingForReady(id) } }
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
                recordFailure(error)
            }
            if !state.isClosed { try? await Task.sleep(for: backoff.next()) }
        }
    }

    /// Connects and logs in on a thread of its own.
    func open() async throws -> OpenedConnection {
        let configuration = configuration
        return try await Blocking.run { try OpenedConnection.openPipelined(configuration) }
    }

    /// Serves callers on the connection until it closes. Returns whether it lasted longer than a second.
    private func serve(_ slot: Int, _ opened: OpenedConnection) async -> Bool {
        let connection = PostgresConnection(
            number: nextConnectionNumber(), opened, configuration, on: io,
            events: PostgresConnection.Events(
                batchEnded: { [weak self] in self?.assumeIsolated { $0.batchEnded(slot) } },
                retiring: { [weak self] in self?.assumeIsolated { $0.sharedRetiring(slot) } },
                closed: { [weak self] error in self?.assumeIsolated { $0.sharedClosed(slot, error) } }))
        let startedAt = ContinuousClock.now
        install(connection, slot)
        await withCheckedContinuation { closed in
            // The connection may have closed while waiting batches were sent on it.
            if shared[slot] === connection { closedWaiters[slot] = closed } else { closed.resume() }
        }
        return ContinuousClock.now - startedAt > .seconds(1)
    }

    private func install(_ connection: PostgresConnection, _ slot: Int) {
        if state.isClosed { return connection.assumeIsolated { $0.close(.unavailable, "the pool is shutting down") } }
        connection.assumeIsolated { $0.start() }
        shared[slot] = connection
        logger.info("connected to Postgres", metadata: ["slot": "\(slot)", "host": "\(configuration.address.host)"])
        for caller in state.connected(slot: slot) { sendWaiting(caller, on: connection) }
        available.store(state.isAvailable, ordering: .relaxed)
        for waiter in readyWaiters.values { waiter.resume() }
        readyWaiters = [:]
    }

    /// Sends no more batches on the connection in `slot`, because its server is read-only.
    private func sharedRetiring(_ slot: Int) {
        lastFailure = "the server is read-only"
        withdraw(slot)
    }

    /// Removes the connection in `slot` from use. Fails the waiting callers when no other one is connected.
    private func withdraw(_ slot: Int) {
        let stranded = state.disconnected(slot: slot)
        available.store(state.isAvailable, ordering: .relaxed)
        fail(stranded, PostgresError(.unavailable, lastFailure))
    }

    private func sharedClosed(_ slot: Int, _ error: PostgresError) {
        shared[slot] = nil
        if !state.isClosed {
            logger.warning("connection to Postgres was lost", metadata: ["slot": "\(slot)", "error": "\(error)"])
            lastFailure = error.message
        }
        withdraw(slot)
        closedWaiters.removeValue(forKey: slot)?.resume()
        resumeIfQuiet()
    }

    private func recordFailure(_ error: any Error) {
        let message = (error as? PostgresError)?.message ?? "\(error)"
        if message != lastFailure { logger.warning("connecting to Postgres failed", metadata: ["error": "\(message)"]) }
        lastFailure = message
    }

    // MARK: Shutdown

    private func shutDown() async {
        state.close()
        available.store(false, ordering: .relaxed)
        fail(state.removeAllWaiting(), error(for: .closed))
        if !state.isQuiet { await waitUntilQuiet(atMost: .seconds(10)) }
        closeAll()
    }

    private func closeAll() {
        for connection in shared.compactMap(\.self) + exclusive.values {
            connection.assumeIsolated { $0.close(.unavailable, "the pool is shutting down") }
        }
        for waiter in readyWaiters.values { waiter.resume() }
        readyWaiters = [:]
    }

    private func waitUntilQuiet(atMost limit: Duration) async {
        let timer = io.schedule(after: limit) { [weak self] in self?.assumeIsolated { $0.stopWaitingForQuiet() } }
        await withCheckedContinuation { quietWaiter = $0 }
        io.cancel(timer)
    }

    private func stopWaitingForQuiet() {
        quietWaiter.take()?.resume()
    }

    /// Resumes the shutdown when no work is left. Call it whenever work ends.
    func resumeIfQuiet() {
        if quietWaiter != nil, state.isQuiet { stopWaitingForQuiet() }
    }
}
