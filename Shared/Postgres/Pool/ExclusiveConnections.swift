import Reactor

extension PostgresPool {
    /// A connection of the caller's own, to be given back with ``release(_:)``.
    ///
    /// - Parameter deadline: shortens the time to wait for one.
    func acquire(deadline: ContinuousClock.Instant?) async throws(PostgresError) -> PostgresConnection {
        if Task.isCancelled { throw PostgresError(.cancelled, "the caller was cancelled before anything was sent") }
        let id = nextCaller()
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { caller in
                request(id, deadline, caller)
                // A cancellation that came while the task was on its way here found nobody waiting.
                if Task.isCancelled { abandonRequest(id) }
            }
        } onCancel: {
            Task(executorPreference: io) { await self.abandonRequest(id) }
        }
        return try result.get()
    }

    private func request(
        _ id: UInt64, _ deadline: ContinuousClock.Instant?,
        _ caller: CheckedContinuation<Result<PostgresConnection, PostgresError>, Never>
    ) {
        let step = state.acquire(id)
        switch step {
        case .use(let number):
            guard let connection = exclusive[number] else {
                preconditionFailure("the state knows only connections that are there")
            }
            caller.resume(returning: .success(connection))
        case .wait, .waitAndOpen:
            let limit = min(configuration.acquireTimeout, deadline.map { $0 - .now } ?? configuration.acquireTimeout)
            let timer = io.schedule(after: limit) { [weak self] in self?.assumeIsolated { $0.expire(id) } }
            waitingCallers[id] = WaitingCaller(caller: caller, timer: timer)
            if step == .waitAndOpen { openExclusive() }
        case .refuse(let refusal): caller.resume(returning: .failure(error(for: refusal)))
        }
    }

    private func abandonRequest(_ id: UInt64) {
        guard state.abandon(id) else { return }
        fail([id], PostgresError(.cancelled, "the caller was cancelled before anything was sent"))
        resumeIfQuiet()
    }

    /// Takes a connection back. One that is not in order, in a transaction or with an answer on its way, is closed, and one that is being stopped
    /// will be.
    func release(_ connection: PostgresConnection) {
        if connection.assumeIsolated({ $0.isStopping }) { return }
        guard connection.assumeIsolated({ $0.isIdle }), !state.isClosed else {
            connection.assumeIsolated { $0.close(.unavailable, "given back in the middle of work") }
            // One that had closed before was counted out then.
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
        if state.isClosed { return connection.assumeIsolated { $0.close(.unavailable, "shutting down") } }
        if let next = state.opened(number) { hand(connection, to: next) }
    }

    private func hand(_ connection: PostgresConnection, to id: UInt64) {
        guard let waiting = waitingCallers.removeValue(forKey: id) else {
            preconditionFailure("the state hands connections to callers that wait")
        }
        io.cancel(waiting.timer)
        waiting.caller.resume(returning: .success(connection))
    }

    private func exclusiveStopping(_ number: Int) -> Bool {
        let (opensAnother, mayAsk) = state.stopping(number)
        if opensAnother { openExclusive() }
        resumeIfQuiet()
        return mayAsk
    }

    private func exclusiveClosed(_ number: Int, _ error: PostgresError) {
        exclusive[number] = nil
        if state.lost(number) { openExclusive() }
        resumeIfQuiet()
    }
}
