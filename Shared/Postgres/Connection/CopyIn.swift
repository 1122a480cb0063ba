import CPostgres
import Reactor

/// The step that a running `COPY` waits for, outside pipeline mode.
struct CopyStep {
    enum Need {
        /// The server's next result, or the end of the results.
        case result
        /// All output has reached the socket. This applies the server's backpressure to the writer.
        case drained
    }

    enum Event: Sendable {
        case drained
        case copying
        case finished(rows: Int)
        case refused(ServerReport?, message: String)
        case noMoreResults
    }

    let need: Need
    let waiter: CheckedContinuation<Result<Event, PostgresError>, Never>
}

extension PostgresConnection {
    /// Leaves pipeline mode and starts a `COPY … FROM STDIN`.
    ///
    /// End it with ``endCopy(failing:deadline:)``, also after a failed write.
    func beginCopy(_ command: String, deadline: ContinuousClock.Instant?) async throws(PostgresError) {
        guard let handle, isUsable else { throw PostgresError(.connectionLost, "connection lost before COPY") }
        guard PQexitPipelineMode(handle.raw) == 1, PQsendQuery(handle.raw, command) == 1 else {
            close(.connectionLost, handle.message)
            throw PostgresError(.connectionLost, "cannot start COPY")
        }
        markOutputPending()
        switch try await waitForCopy(.result, deadline) {
        case .copying: return
        case .refused(let report, let message):
            try await returnToPipelineMode(deadline)
            throw PostgresError(.server, report?.message ?? message, report: report)
        default:
            close(.connectionLost, "unexpected response to COPY")
            throw PostgresError(.connectionLost, "unexpected response to COPY")
        }
    }

    /// Writes data of the `COPY` and returns when the socket has accepted it.
    func writeCopy(_ bytes: [UInt8], deadline: ContinuousClock.Instant?) async throws(PostgresError) {
        guard let handle, isUsable else { throw PostgresError(.connectionLost, "connection lost during COPY") }
        let accepted = bytes.withUnsafeBytes { bytes in
            PQputCopyData(handle.raw, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), CInt(bytes.count))
        }
        guard accepted == 1 else {
            close(.connectionLost, handle.message)
            throw PostgresError(.connectionLost, "connection lost during COPY")
        }
        markOutputPending()
        _ = try await waitForCopy(.drained, deadline)
    }

    /// Ends the `COPY` and returns to pipeline mode.
    ///
    /// - Parameter failing: the reason to abort the `COPY`; the server discards the rows. `nil` completes it.
    /// - Returns: the number of rows copied; 0 when aborted.
    func endCopy(failing: String? = nil, deadline: ContinuousClock.Instant?) async throws(PostgresError) -> Int {
        guard let handle, isUsable else { throw PostgresError(.connectionLost, "connection lost during COPY") }
        guard PQputCopyEnd(handle.raw, failing) == 1 else {
            close(.connectionLost, handle.message)
            throw PostgresError(.connectionLost, "connection lost during COPY")
        }
        markOutputPending()
        let event = try await waitForCopy(.result, deadline)
        try await returnToPipelineMode(deadline)
        switch event {
        case .finished(let rows): return rows
        case .refused(let report, let message):
            if failing != nil { return 0 }
            throw PostgresError(.server, report?.message ?? message, report: report)
        default: throw PostgresError(.connectionLost, "COPY ended without a result")
        }
    }

    private func returnToPipelineMode(_ deadline: ContinuousClock.Instant?) async throws(PostgresError) {
        while true {
            if case .noMoreResults = try await waitForCopy(.result, deadline) { break }
        }
        guard let handle, PQenterPipelineMode(handle.raw) == 1 else {
            close(.connectionLost, "cannot return to pipeline mode")
            throw PostgresError(.connectionLost, "cannot return to pipeline mode")
        }
    }

    /// Waits for `need`. Cancellation or a passed deadline closes the connection, which is unusable during a
    /// `COPY`.
    private func waitForCopy(
        _ need: CopyStep.Need, _ deadline: ContinuousClock.Instant?
    ) async throws(PostgresError) -> CopyStep.Event {
        var timer: IOTimer?
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                setCopyStep(CopyStep(need: need, waiter: waiter))
                // Started after the step is set, so that the timer finds a step to interrupt.
                timer = schedule(at: deadline) { $0.interruptCopy(.deadlineExceeded) }
                if Task.isCancelled { interruptCopy(.cancelled) } else { pollCopy() }
            }
        } onCancel: {
            io.post { self.assumeIsolated { $0.interruptCopy(.cancelled) } }
        }
        if let timer { io.cancel(timer) }
        return try result.get()
    }

    private func interruptCopy(_ reason: PostgresError.Reason) {
        guard let step = removeCopyStep() else { return }
        step.waiter.resume(returning: .failure(PostgresError(reason, "COPY was interrupted")))
        stopOnServer()
    }

    /// Resumes the waiting `COPY` step when its condition holds.
    func pollCopy() {
        guard let handle, let step = copyStep else { return }
        switch step.need {
        case .drained:
            if !flushed() { return }
            removeCopyStep()?.waiter.resume(returning: .success(.drained))
        case .result:
            guard PQisBusy(handle.raw) == 0 else { return }
            let event = nextCopyEvent(handle)
            removeCopyStep()?.waiter.resume(returning: .success(event))
        }
    }

    private func nextCopyEvent(_ handle: ConnectionHandle) -> CopyStep.Event {
        guard let raw = PQgetResult(handle.raw) else { return .noMoreResults }
        let result = ResultSet(adopting: raw)
        switch result.status {
        case PGRES_COPY_IN: return .copying
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK: return .finished(rows: SharedResult(result).affectedCount)
        default:
            let (report, message) = (result.report, result.message)
            retireIfReadOnly(report)
            return .refused(report, message: message)
        }
    }
}
