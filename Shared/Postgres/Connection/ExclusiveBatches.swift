import CPostgres
import Reactor

extension PostgresConnection {
    /// Sends statements as one batch and waits for the answer, for the one caller that has this connection.
    ///
    /// When the caller is cancelled, or `deadline` passes, it is told at once; the server is asked to stop, and the connection is closed, because a late
    /// cancellation could otherwise hit the next statement.
    ///
    /// - Parameters:
    ///   - commits: success would commit: then a lost answer may have happened.
    ///   - uncancellable: for cleaning up after a cancellation.
    func perform(
        _ statements: [SQL], commits: Bool, deadline: ContinuousClock.Instant?, uncancellable: Bool = false
    ) async throws(PostgresError) -> [PostgresRows] {
        if Task.isCancelled, !uncancellable { throw PostgresError(.cancelled, "the caller was cancelled before this was sent") }
        if let deadline, deadline <= .now { throw PostgresError(.deadlineExceeded, "the deadline passed before this was sent") }
        let id = nextBatchID()
        var timer: IOTimer?
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation { caller in
                send(StatementBatch(id: id, statements: statements, commits: commits, isShared: false, caller: caller))
                // Only now is there a batch to interrupt: what came before this, while the task was on its way here, would have been lost.
                timer = schedule(at: deadline) { $0.interrupt(id, .deadlineExceeded, commits) }
                if Task.isCancelled, !uncancellable { interrupt(id, .cancelled, commits) }
            }
        } onCancel: {
            if !uncancellable { Task(executorPreference: io) { await self.interrupt(id, .cancelled, commits) } }
        }
        if let timer { io.cancel(timer) }
        return try answer.get()
    }

    func schedule(
        at deadline: ContinuousClock.Instant?, _ body: @escaping @Sendable (isolated PostgresConnection) -> Void
    ) -> IOTimer? {
        guard let deadline else { return nil }
        return io.schedule(after: deadline - .now) { [weak self] in self?.assumeIsolated { body($0) } }
    }

    private func interrupt(_ id: UInt64, _ reason: PostgresError.Reason, _ commits: Bool) {
        guard let batch = detachBatch(id) else { return }
        let message = reason == .cancelled ? "the caller was cancelled" : "the deadline passed"
        batch.caller.resume(
            returning: .failure(PostgresError(reason, "\(message); the server was asked to stop", mayHaveHappened: commits)))
        stopOnServer()
    }

    /// Asks the server to stop, on a thread of its own, then closes: after 2 s also when the server has not even taken the request.
    func stopOnServer() {
        guard let handle, !isStopping else { return }
        markStopping()
        let cancel = PQgetCancel(handle.raw)
        guard let cancel, events.stopping() else {
            PQfreeCancel(cancel)
            return close(.cancelled, "interrupted")
        }
        let request = CancelRequest(cancel)
        let timer = schedule(at: .now + .seconds(2)) { $0.close(.cancelled, "interrupted, and the server did not stop") }
        Task(executorPreference: io) {
            await self.stop(request)
            if let timer { self.io.cancel(timer) }
            self.events.stopped()
        }
    }

    /// A request may overtake the statement that it is to cancel, and does nothing then; so it is repeated until there is an answer, a few times.
    private func stop(_ request: CancelRequest) async {
        for pause in [0, 50, 200, 800] {
            try? await Task.sleep(for: .milliseconds(pause))
            if hasAnswered { break }
            try? await Blocking.run { request.send() }
        }
        close(.cancelled, "interrupted")
    }
}
