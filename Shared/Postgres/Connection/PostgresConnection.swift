import CPostgres
import DequeModule
import Reactor

/// One connection in pipeline mode: batches are sent without waiting, and answered in the order of sending.
///
/// All work runs on the I/O thread. libpq buffers the output that the socket does not accept; the thread
/// flushes it at the end of its turn.
actor PostgresConnection: IOSource {
    /// Callbacks to the owner, on the I/O thread.
    struct Events: Sendable {
        /// One batch was answered, or failed while the connection stayed up.
        var batchEnded: @Sendable () -> Void = {}
        /// The connection does no more work and closes soon. Returns whether the server may be asked to stop.
        /// If so, ``stopped`` follows when the server has accepted the request.
        var stopping: @Sendable () -> Bool = { true }
        var stopped: @Sendable () -> Void = {}
        /// The connection accepts no new batches; it closes after the answers to those in flight.
        var retiring: @Sendable () -> Void = {}
        /// The connection is closed, and the callers of all its batches have been resumed.
        var closed: @Sendable (PostgresError) -> Void = { _ in }
    }

    nonisolated let number: Int
    nonisolated let io: IOThread
    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    private let configuration: PostgresConfiguration
    let events: Events
    private(set) var handle: ConnectionHandle?
    private var groups = Deque<SentGroup>()
    private var statements: StatementCache
    private var hasOutput = false
    private var lastBatchID: UInt64 = 0
    private(set) var copyStep: CopyStep?
    /// Whether the server is being asked to stop. The connection closes afterwards.
    private(set) var isStopping = false
    /// The server refused a write as read-only; see ``retireIfReadOnly(_:)``.
    private var isRetiring = false
    private var timeoutCheck: IOTimer?
    private var lastReceived = ContinuousClock.now

    init(number: Int, _ opened: OpenedConnection, _ configuration: PostgresConfiguration, on io: IOThread, events: Events) {
        self.number = number
        self.io = io
        self.configuration = configuration
        self.events = events
        statements = StatementCache(capacity: configuration.statementCacheSize)
        handle = ConnectionHandle(adopting: opened)
    }

    /// Joins the turns of the I/O thread.
    func start() { io.add(self) }

    /// Whether the connection is open and not being stopped.
    var isUsable: Bool { handle != nil && !isStopping }
    var batchCount: Int { groups.count }
    var processID: Int32 { handle?.processID ?? 0 }

    /// Whether no answer is outstanding, or none can come.
    var hasAnswered: Bool {
        guard let handle else { return true }
        return groups.isEmpty && PQisBusy(handle.raw) == 0
    }

    /// Whether the connection is open, without outstanding answers and outside a transaction.
    var isIdle: Bool {
        guard let handle, !isStopping, !isRetiring, groups.isEmpty else { return false }
        return PQtransactionStatus(handle.raw) == PQTRANS_IDLE
    }

    /// Returns an identifier for a batch of the caller that owns this connection.
    func nextBatchID() -> UInt64 {
        lastBatchID += 1
        return lastBatchID
    }

    // MARK: Sending

    /// Sends a batch now. Its caller is resumed with the answer, or at once on a closed connection.
    func send(_ batch: StatementBatch) {
        if let fault = batch.fault {
            batch.caller.resume(returning: .failure(fault))
            return events.batchEnded()
        }
        if isIdle || batch.isShared { sendDiscards() }
        // Sending the discards may have revealed a lost connection.
        guard let handle, !isStopping else {
            let error = PostgresError(.connectionLost, "connection lost before the statement was sent")
            return batch.caller.resume(returning: .failure(error))
        }
        var preparations: [SentGroup.Preparation] = []
        var (step, sent) = (0, true)
        for statement in batch.statements where sent {
            sent = send(statement, on: handle, preparing: &preparations, step: &step)
        }
        let timeout = configuration.statementTimeout * batch.statements.count + .seconds(5)
        groups.append(SentGroup(batch: batch, preparations: preparations, stepCount: step, timeout: timeout))
        finishGroup(handle, sent: sent)
    }

    private func send(
        _ statement: SQL, on handle: ConnectionHandle, preparing preparations: inout [SentGroup.Preparation], step: inout Int
    ) -> Bool {
        defer { step += 1 }
        guard configuration.namedStatements else { return sendUnnamed(statement, handle) }
        let key = StatementKey(statement)
        let prepared = statements.use(key)
        return statement.parameters.withArguments { arguments in
            if prepared.isNew {
                preparations.append(SentGroup.Preparation(step: step, key: key, name: prepared.name))
                step += 1
                guard PQsendPrepare(handle.raw, prepared.name, statement.text, arguments.count, arguments.types) == 1 else {
                    return false
                }
            }
            return PQsendQueryPrepared(
                handle.raw, prepared.name, arguments.count, arguments.values, arguments.lengths, arguments.formats, 1) == 1
        }
    }

    private func sendUnnamed(_ statement: SQL, _ handle: ConnectionHandle) -> Bool {
        statement.parameters.withArguments { arguments in
            PQsendQueryParams(
                handle.raw, statement.text, arguments.count, arguments.types, arguments.values, arguments.lengths,
                arguments.formats, 1) == 1
        }
    }

    /// Deallocates evicted statements on the server, each in a group of its own.
    private func sendDiscards() {
        for name in statements.removeDiscarded() {
            guard let handle, !isStopping else { return }
            let sent = PQsendQueryParams(handle.raw, "DEALLOCATE \(name)", 0, nil, nil, nil, nil, 1) == 1
            groups.append(
                SentGroup(batch: nil, preparations: [], stepCount: 1, timeout: configuration.statementTimeout + .seconds(5)))
            finishGroup(handle, sent: sent)
        }
    }

    private func finishGroup(_ handle: ConnectionHandle, sent: Bool) {
        guard sent, PQpipelineSync(handle.raw) == 1 else { return close(.connectionLost, handle.message) }
        hasOutput = true
        if timeoutCheck == nil { scheduleTimeoutCheck() }
    }

    /// Cancels the caller's wait for a batch; its answer will be dropped. Returns whether the batch was in
    /// flight.
    func abandon(_ id: UInt64) -> Bool {
        guard let batch = detachBatch(id) else { return false }
        let error = PostgresError(.cancelled, "the caller was cancelled", mayHaveHappened: batch.commits)
        batch.caller.resume(returning: .failure(error))
        return true
    }

    /// Removes the batch from its group. The group stays and absorbs the answer.
    func detachBatch(_ id: UInt64) -> StatementBatch? {
        guard let index = groups.firstIndex(where: { $0.batch?.id == id }) else { return nil }
        defer { groups[index].batch = nil }
        return groups[index].batch
    }

    func setCopyStep(_ step: CopyStep) { copyStep = step }

    func removeCopyStep() -> CopyStep? {
        defer { copyStep = nil }
        return copyStep
    }

    /// The time without input from the server while an answer is due; zero when none is due.
    func silence(at now: ContinuousClock.Instant) -> Duration {
        groups.first.map { now - max($0.sentAt, lastReceived) } ?? .zero
    }

    // MARK: Receiving

    nonisolated func beforeWait() -> IOInterest? { assumeIsolated { $0.flush() } }
    nonisolated func ready(_ readiness: IOReadiness) { assumeIsolated { $0.receive() } }

    private func flush() -> IOInterest? {
        _ = flushed()
        if copyStep != nil { pollCopy() }
        return handle.map { IOInterest(descriptor: $0.descriptor, write: hasOutput) }
    }

    /// Flushes the output. Returns whether the socket has accepted all of it.
    func flushed() -> Bool {
        guard let handle else { return true }
        if hasOutput {
            switch PQflush(handle.raw) {
            case 0: hasOutput = false
            case 1: break
            default:
                hasOutput = false
                // Read the server's last message before the connection closes.
                receive()
            }
        }
        return !hasOutput
    }

    func markOutputPending() { hasOutput = true }
    func markStopping() { isStopping = true }

    private func receive() {
        guard let handle else { return }
        lastReceived = .now
        var alive = true
        repeat {
            alive = PQconsumeInput(handle.raw) == 1
            if copyStep != nil { pollCopy() } else { drain(handle) }
            // Input that TLS has already decrypted does not make the socket readable.
        } while alive && self.handle != nil && handle.hasDecryptedInput
        if !alive { close(.connectionLost, handle.message) }
    }

    /// Processes every answer that has arrived completely.
    private func drain(_ handle: ConnectionHandle) {
        var endedStatement = false
        while self.handle != nil, !groups.isEmpty, PQisBusy(handle.raw) == 0 {
            guard let result = PQgetResult(handle.raw) else {
                // One NULL ends a statement's results; two mean that libpq and this connection disagree about
                // what was sent.
                if endedStatement { return close(.connectionLost, "unexpected end of results: \(handle.message)") }
                endedStatement = true
                continue
            }
            endedStatement = false
            process(ResultSet(adopting: result))
        }
    }

    private func process(_ result: consuming ResultSet) {
        switch result.status {
        case PGRES_PIPELINE_SYNC:
            end(groups.removeFirst())
            if isRetiring, groups.isEmpty { close(.unavailable, "the server is read-only") }
        case PGRES_COMMAND_OK where groups[0].batch?.isShared == true && result.opensTransaction:
            close(.connectionLost, "BEGIN is not allowed on a shared connection; use transaction { }")
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: groups[0].succeeded(result)
        case PGRES_PIPELINE_ABORTED:
            forgetPreparation()
            groups[0].skipped()
        case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
            close(.connectionLost, "COPY is only available through copy(into:)")
        default:
            guard let report = result.report, !report.endsConnection else {
                let (message, report) = (result.message, result.report)
                return close(.connectionLost, report?.message ?? message, report: report)
            }
            forgetPreparation()
            retireIfReadOnly(report)
            groups[0].failed(PostgresError(.server, report.message, report: report))
        }
    }

    /// Retires the connection after SQLSTATE 25006: a new connection may reach a server that accepts writes.
    func retireIfReadOnly(_ report: ServerReport?) {
        guard report?.sqlState == .readOnlyTransaction, !isRetiring else { return }
        isRetiring = true
        events.retiring()
    }

    private func forgetPreparation() {
        if let failed = groups[0].preparation { statements.forget(failed.key, name: failed.name) }
    }

    private func end(_ group: SentGroup) {
        guard var batch = group.batch else { return group.isInternal ? () : events.batchEnded() }
        guard let error = group.error else {
            batch.caller.resume(returning: .success(group.rows))
            return events.batchEnded()
        }
        if error.isStaleStatement {
            for statement in batch.statements { statements.forget(StatementKey(statement), discard: true) }
            if batch.mayBeResent {
                batch.wasResent = true
                return send(batch)
            }
        }
        batch.caller.resume(returning: .failure(error))
        events.batchEnded()
    }

    // MARK: Closing

    /// Closes the connection and fails all outstanding work. Later calls have no effect.
    func close(_ reason: PostgresError.Reason, _ message: String, report: ServerReport? = nil) {
        guard handle != nil else { return }
        io.remove(self)
        handle = nil
        if let timeoutCheck { io.cancel(timeoutCheck) }
        timeoutCheck = nil
        removeCopyStep()?.waiter.resume(returning: .failure(PostgresError(reason, message, report: report)))
        let lost = groups
        groups = []
        for group in lost {
            guard let batch = group.batch else { continue }
            let error = PostgresError(reason, message, mayHaveHappened: batch.commits, report: report)
            batch.caller.resume(returning: .failure(error))
        }
        events.closed(PostgresError(reason, message, report: report))
    }

    /// Checks every second whether the first answer is overdue. The server bounds every statement, so the
    /// connection is dead then.
    private func scheduleTimeoutCheck() {
        timeoutCheck = io.schedule(after: .seconds(1)) { [weak self] in self?.assumeIsolated { $0.checkTimeout() } }
    }

    private func checkTimeout() {
        timeoutCheck = nil
        guard handle != nil, let first = groups.first else { return }
        if silence(at: .now) > first.timeout {
            return close(.connectionLost, "no answer from the server within the timeout")
        }
        scheduleTimeoutCheck()
    }
}
