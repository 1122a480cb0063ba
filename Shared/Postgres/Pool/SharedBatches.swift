import Reactor

extension PostgresPool {
    /// Sends statements that change nothing. After a lost connection they are sent once more, on another one
    /// if available.
    func performReadOnly(_ statements: [SQL]) async throws(PostgresError) -> [PostgresRows] {
        do throws(PostgresError) {
            return try await performShared(statements, commits: false)
        } catch  where error.reason == .connectionLost {
            return try await performShared(statements, commits: false)
        }
    }

    /// Sends the statements as one implicit transaction on the least loaded shared connection.
    ///
    /// - Parameter commits: whether success may change data.
    func performShared(_ statements: [SQL], commits: Bool = true) async throws(PostgresError) -> [PostgresRows] {
        if Task.isCancelled { throw PostgresError(.cancelled, "the caller was cancelled before anything was sent") }
        let id = nextCaller()
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { caller in
                submit(StatementBatch(id: id, statements: statements, commits: commits, isShared: true, caller: caller))
                // Cancellation may have come before the batch was submitted.
                if Task.isCancelled { abandonBatch(id) }
            }
        } onCancel: {
            io.post { self.assumeIsolated { $0.abandonBatch(id) } }
        }
        return try result.get()
    }

    private func submit(_ batch: StatementBatch) {
        switch state.submit(batch.id, isHeldUp: { silence(of: $0) > .milliseconds(25) }) {
        case .use(let slot):
            shared[slot]?.assumeIsolated { $0.send(batch) }
            watchForSilence()
        case .wait:
            let timer = io.schedule(after: configuration.acquireTimeout) { [weak self] in
                self?.assumeIsolated { $0.expire(batch.id) }
            }
            waitingBatches[batch.id] = WaitingBatch(batch: batch, timer: timer)
        case .reject(let rejection): batch.caller.resume(returning: .failure(error(for: rejection)))
        }
    }

    func batchEnded(_ slot: Int) {
        if let next = state.ended(slot: slot), let connection = shared[slot] { sendWaiting(next, on: connection) }
        resumeIfQuiet()
    }

    /// Sends a batch that waited for a connection.
    func sendWaiting(_ id: UInt64, on connection: PostgresConnection) {
        guard let waiting = waitingBatches.removeValue(forKey: id) else { return }
        io.cancel(waiting.timer)
        connection.assumeIsolated { $0.send(waiting.batch) }
    }

    /// Resumes the caller of a batch with an error. A queued batch is not sent; a batch in flight continues
    /// on the server.
    private func abandonBatch(_ id: UInt64) {
        if state.abandon(id) {
            return fail([id], PostgresError(.cancelled, "the caller was cancelled before anything was sent"))
        }
        for connection in shared {
            if connection?.assumeIsolated({ $0.abandon(id) }) == true { return }
        }
    }

    /// Fails a caller whose wait for a connection has timed out.
    func expire(_ id: UInt64) {
        guard state.abandon(id) else { return }
        fail([id], PostgresError(.acquireTimeout, "no connection became available within \(configuration.acquireTimeout)"))
        resumeIfQuiet()
    }

    func fail(_ callers: [UInt64], _ error: PostgresError) {
        for id in callers {
            if let waiting = waitingBatches.removeValue(forKey: id) {
                io.cancel(waiting.timer)
                waiting.batch.caller.resume(returning: .failure(error))
            } else if let waiting = waitingCallers.removeValue(forKey: id) {
                io.cancel(waiting.timer)
                waiting.caller.resume(returning: .failure(error))
            }
        }
    }
}
