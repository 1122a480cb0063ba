import Reactor

extension PostgresPool {
    /// Sends statements that change nothing. When the connection goes before the answer has come, they are sent once more, on another one if there is.
    func performReadOnly(_ statements: [SQL]) async throws(PostgresError) -> [PostgresRows] {
        do throws(PostgresError) {
            return try await performShared(statements, commits: false)
        } catch  where error.reason == .connectionLost {
            return try await performShared(statements, commits: false)
        }
    }

    /// Sends the statements as one implicit transaction, on whichever shared connection has the least to do.
    ///
    /// - Parameter commits: success may change something.
    func performShared(_ statements: [SQL], commits: Bool = true) async throws(PostgresError) -> [PostgresRows] {
        if Task.isCancelled { throw PostgresError(.cancelled, "the caller was cancelled before anything was sent") }
        let id = nextCaller()
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation { caller in
                submit(StatementBatch(id: id, statements: statements, commits: commits, isShared: true, caller: caller))
                // A cancellation that came while the task was on its way here found nothing to abandon.
                if Task.isCancelled { abandonBatch(id) }
            }
        } onCancel: {
            Task(executorPreference: io) { await self.abandonBatch(id) }
        }
        return try answer.get()
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
        case .refuse(let refusal): batch.caller.resume(returning: .failure(error(for: refusal)))
        }
    }

    func batchEnded(_ slot: Int) {
        if let next = state.ended(slot: slot), let connection = shared[slot] { startWaiting(next, on: connection) }
        resumeIfQuiet()
    }

    /// The turn of a batch that waited has come.
    func startWaiting(_ id: UInt64, on connection: PostgresConnection) {
        guard let waiting = waitingBatches.removeValue(forKey: id) else { return }
        io.cancel(waiting.timer)
        connection.assumeIsolated { $0.send(waiting.batch) }
    }

    /// Whoever waited for an answer waits no longer. What was not sent never is; what was sent goes on.
    private func abandonBatch(_ id: UInt64) {
        if state.abandon(id) {
            return fail([id], PostgresError(.cancelled, "the caller was cancelled before anything was sent"))
        }
        for connection in shared {
            if connection?.assumeIsolated({ $0.abandon(id) }) == true { return }
        }
    }

    /// The time to wait for a connection is over.
    func expire(_ id: UInt64) {
        guard state.abandon(id) else { return }
        fail([id], PostgresError(.acquireTimeout, "no connection came free within \(configuration.acquireTimeout)"))
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
