import CPostgres
import Reactor

extension PostgresConnection {
    /// Sends statements as one batch and waits for the result, for the caller that owns this connection.
    ///
    /// Cancellation or a passed deadline resumes the caller at once. The server is asked to stop, and the
    /// connection is closed, because a late cancellation could otherwise hit the next statement.
    ///
    /// - Parameters:
    ///   - commits: whether success commits; a lost answer then may have happened.
    ///   - uncancellable: ignores cancellation, to clean up after one.
    func perform(
        _ statements: [SQL], commits: Bool, deadline: ContinuousClock.Instant?, uncancellable: Bool = false
    ) async throws(PostgresError) -> [PostgresRows] {
        if Task.isCancelled, !uncancellable {
            throw PostgresError(.cancelled, "the caller was cancelled before the statement was sent")
        }
        if let deadline, deadline <= .now {
            throw PostgresError(.deadlineExceeded, "the deadline passed before the statement was sent")
        }
        let id = nextBatchID()
        var timer: IOTimer?
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { caller in
                send(StatementBatch(id: id, statements: statements, commits: commits, isShared: false, caller: caller))
                // Started after the batch is sent, so that an interruption finds it. One that came earlier is
                // checked below.
                timer = schedule(at: deadline) { $0.interrupt(id, .deadlineExceeded, commits: commits) }
                if Task.isCancelled, !uncancellable { interrupt(id, .cancelled, commits: commits) }
            }
        } onCancel: {
            if !uncancellable { io.post { self.assumeIsolated { $0.interrupt(id, .cancelled, commits: commits) } } }
        }
        if let timer { io.cancel(timer) }
        return try result.get()
    }

    func schedule(
        at deadline: ContinuousClock.Instant?, _ body: @escaping @Sendable (isolated PostgresConnection) -> Void
    ) -> IOTimer? {
        guard let deadline else { return nil }
        return io.schedule(after: deadline - .now) { [weak self] in self?.assumeIsolated { body($0) } }
    }

    private func interrupt(_ id: UInt64, _ reason: PostgresError.Reason, commits: Bool) {
        guard let batch = detachBatch(id) else { return }
        let message = reason == .cancelled ? "the caller was cancelled" : "the deadline passed"
        batch.caller.resume(
            returning: .failure(PostgresError(reason, "\(message); the server was asked to stop", mayHaveHappened: commits)))
        stopOnServer()
    }

    /// Asks the server to stop, on another thread, then closes the connection. Closes it after 2 s in any
    /// case.
    func stopOnServer() {
        guard let handle, !isStopping else { return }
        markStopping()
        let cancel = PQgetCancel(handle.raw)
        guard let cancel, events.stopping() else {
            PQfreeCancel(cancel)
            return close(.cancelled, "the statement was interrupted")
        }
        let request = CancelRequest(cancel)
        let timer = schedule(at: .now + .seconds(2)) {
            $0.close(.cancelled, "the statement was interrupted and the server did not stop")
        }
        Task(executorPreference: io) {
            await self.stop(request)
            if let timer { self.io.cancel(timer) }
            self.events.stopped()
        }
    }

    /// Sends the request up to four times, until there is an answer: one that overtakes its statement has no
    /// effect.
    private func stop(_ request: CancelRequest) async {
        for pause in [0, 50, 200, 800] {
            try? await Task.sleep(for: .milliseconds(pause))
            if hasAnswered { break }
            try? await Blocking.run { request.send() }
        }
        close(.cancelled, "the statement was interrupted")
    }
}
