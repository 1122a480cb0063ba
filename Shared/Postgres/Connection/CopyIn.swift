import CPostgres
import Reactor

/// What a `COPY` in progress waits for, outside pipeline mode.
struct CopyStep {
    enum Need {
        /// The server's next result, or that there are no more.
        case result
        /// What was written has gone to the socket, so that a slow server slows down whoever writes.
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
    /// Leaves pipeline mode and begins a `COPY … FROM STDIN`. To be ended with ``endCopy(failing:deadline:)``, also after an error of a write.
    func beginCopy(_ command: String, deadline: ContinuousClock.Instant?) async throws(PostgresError) {
        guard let handle, isUsable else { throw PostgresError(.connectionLost, "the connection was lost before COPY") }
        guard PQexitPipelineMode(handle.raw) == 1, PQsendQuery(handle.raw, command) == 1 else {
            close(.connectionLost, handle.message)
            throw PostgresError(.connectionLost, "COPY could not be begun")
        }
        noteOutput()
        switch try await copyStep(.result, deadline) {
        case .copying: return
        case .refused(let report, let message):
            try await leaveCopy(deadline)
            throw PostgresError(.server, report?.message ?? message, report: report)
        default:
            close(.connectionLost, "COPY was answered with something else")
            throw PostgresError(.connectionLost, "COPY was answered with something else")
        }
    }

    /// Writes data of the `COPY`; returns when the socket has taken it.
    func writeCopy(_ bytes: [UInt8], deadline: ContinuousClock.Instant?) async throws(PostgresError) {
        guard let handle, isUsable else { throw PostgresError(.connectionLost, "the connection was lost during COPY") }
        let taken = bytes.withUnsafeBytes { bytes in
            PQputCopyData(handle.raw, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), CInt(bytes.count))
        }
        guard taken == 1 else {
            close(.connectionLost, handle.message)
            throw PostgresError(.connectionLost, "the connection was lost during COPY")
        }
        noteOutput()
        _ = try await copyStep(.drained, deadline)
    }

    /// Ends the `COPY` and goes back to pipeline mode.
    ///
    /// - Parameter failing: give up, for this reason: the server forgets what came.
    /// - Returns: rows copied; 0 when given up.
    func endCopy(failing: String? = nil, deadline: ContinuousClock.Instant?) async throws(PostgresError) -> Int {
        guard let handle, isUsable else { throw PostgresError(.connectionLost, "the connection was lost during COPY") }
        guard PQputCopyEnd(handle.raw, failing) == 1 else {
            close(.connectionLost, handle.message)
            throw PostgresError(.connectionLost, "the connection was lost during COPY")
        }
        noteOutput()
        let event = try await copyStep(.result, deadline)
        try await leaveCopy(deadline)
        switch event {
        case .finished(let rows): return rows
        case .refused(let report, let message):
            if failing != nil { return 0 }
            throw PostgresError(.server, report?.message ?? message, report: report)
        default: throw PostgresError(.connectionLost, "COPY ended without a result")
        }
    }

    private func leaveCopy(_ deadline: ContinuousClock.Instant?) async throws(PostgresError) {
        while true {
            if case .noMoreResults = try await copyStep(.result, deadline) { break }
        }
        guard let handle, PQenterPipelineMode(handle.raw) == 1 else {
            close(.connectionLost, "no way back to pipeline mode")
            throw PostgresError(.connectionLost, "no way back to pipeline mode")
        }
    }

    /// Waits; on cancellation or past the deadline the connection is given up, because it cannot be used in the middle of a `COPY`.
    private func copyStep(
        _ need: CopyStep.Need, _ deadline: ContinuousClock.Instant?
    ) async throws(PostgresError) -> CopyStep.Event {
        var timer: IOTimer?
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                setCopyStep(CopyStep(need: need, waiter: waiter))
                // From here on there is a step to interrupt.
                timer = schedule(at: deadline) { $0.interruptCopy(.deadlineExceeded) }
                if Task.isCancelled { interruptCopy(.cancelled) } else { pollCopy() }
            }
        } onCancel: {
            Task(executorPreference: io) { await self.interruptCopy(.cancelled) }
        }
        if let timer { io.cancel(timer) }
        return try result.get()
    }

    private func interruptCopy(_ reason: PostgresError.Reason) {
        guard let step = takeCopyStep() else { return }
        step.waiter.resume(returning: .failure(PostgresError(reason, "interrupted during COPY")))
        stopOnServer()
    }

    /// Looks whether what the `COPY` waits for is there.
    func pollCopy() {
        guard let handle, let step = copyStep else { return }
        switch step.need {
        case .drained:
            if !flushed() { return }
            takeCopyStep()?.waiter.resume(returning: .success(.drained))
        case .result:
            guard PQisBusy(handle.raw) == 0 else { return }
            let event = nextCopyEvent(handle)
            takeCopyStep()?.waiter.resume(returning: .success(event))
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
