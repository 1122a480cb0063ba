import Reactor

extension PostgresPool {
    /// Returns a connection for the caller alone. Return it with ``release(_:)``.
    ///
    /// - Parameter deadline: shortens the wait for a connection.
    func acquire(deadline: ContinuousClock.Instant?) async throws(PostgresError) -> PostgresConnection {
        if Task.isCancelled { throw PostgresError(.cancelled, "the caller was cancelled before anything was sent") }
        let id = nextCaller()
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { caller in
                request(id, deadline: deadline, caller: caller)
                // Cancellation may have come before the request was registered.
                if Task.isCancelled { abandonRequest(id) }
            }
        } onCancel: {
            io.post { self.assumeIsolated { $0.abandonRequest(id) } }
        }
        return try result.get()
    }

    private func request(
        _ id: UInt64, deadline: ContinuousClock.Instant?,
        caller: CheckedContinuation<Result<PostgresConnection, PostgresError>, Never>
    ) {
        let step = state.acquire(id)
        switch step {
        case .use(let number):
            guard let connection = exclusive[number] else {
                preconditionFailure("the pool state contains only open connections")
            }
            caller.resume(returning: .success(connection))
        case .wait, .waitAndOpen:
            let limit = min(configuration.acquireTimeout, deadline.map { $0 - .now } ?? configuration.acquireTimeout)
            let timer = io.schedule(after: limit) { [weak self] in self?.assumeIsolated { $0.expire(id) } }
            waitingCallers[id] = WaitingCaller(caller: caller, timer: timer)
            if step == .waitAndOpen { openExclusive() }
        case .reject(let rejection): caller.resume(returning: .failure(error(for: rejection)))
        }
    }

    private func abandonRequest(_ id: UInt64) {
        guard state.abandon(id) else { return }
        fail([id], PostgresError(.cancelled, "the caller was cancelled before anything was sent"))
        resumeIfQuiet()
    }

    /// Returns a connection to the pool. One with a transaction or an outstanding answer is closed; one that
    /// is being stopped closes by itself.
    func release(_ connection: PostgresConnection) {
        if connection.assumeIsolated({ $0.isStopping }) { return }
        guard connection.assumeIsolated({ $0.isIdle }), !state.isClosed else {
            connection.assumeIsolated { $0.close(.unavailable, "the connection was returned with unfinished work") }
            // A connection that closed earlier was subtracted at that time.
            return resumeIfQuiet()
        }
        if let next = state.released(connection.number) { hand(connection, to: next) }
        resumeIfQuiet()
    }

    private func openExclusive() {
        Task(executorPreference: io) { await self.openAndAdopt() }
    }

    private func openAndAdopt() async {
        do {
            adopt(try await open())
        } catch {
            let message = (error as? PostgresError)?.message ?? "\(error)"
            fail(state.openFailed(), PostgresError(.unavailable, message))
            resumeIfQuiet()
        }
    }

    private func adopt(_ opened: OpenedConnection) {
        let number = nextConnectionNumber()
        let connection = PostgresConnection(
            number: number, opened, configuration, on: io,
            events: PostgresConnection.Events(
                stopping: { [weak self] in self?.assumeIsolated { $0.exclusiveStopping(number) } ?? false },
                stopped: { [weak self] in self?.assumeIsolated { $0.state.stopped() } },
                closed: { [weak self] error in self?.assumeIsolated { $0.exclusiveClosed(number, error) } }))
        connection.assumeIsolated { $0.start() }
        exclusive[number] = connection
        if state.isClosed { return connection.assumeIsolated { $0.close(.unavailable, "the pool is shutting down") } }
        if let next = state.opened(number) { hand(connection, to: next) }
    }

    private func hand(_ connection: PostgresConnection, to id: UInt64) {
        guard let waiting = waitingCallers.removeValue(forKey: id) else {
            preconditionFailure("the pool state hands connections only to waiting callers")
        }
        io.cancel(waiting.timer)
        waiting.caller.resume(returning: .success(connection))
    }

    private func exclusiveStopping(_ number: Int) -> Bool {
        let (opensAnother, maySendRequest) = state.stopping(number)
        if opensAnother { openExclusive() }
        resumeIfQuiet()
        return maySendRequest
    }

    private func exclusiveClosed(_ number: Int, _ error: PostgresError) {
        exclusive[number] = nil
        if state.lost(number) { openExclusive() }
        resumeIfQuiet()
    }
}
