import CPostgres
import DequeModule
import Reactor

/// One connection, in pipeline mode: flights are sent one behind the other without waiting, and answered in that order.
///
/// All of it runs on the I/O thread. libpq's buffers take what the socket does not; the thread flushes them at the end of its turn.
actor PostgresConnection: IOSource {
    /// What the owner hears, on the I/O thread.
    struct Events: Sendable {
        /// One flight was answered, or failed with the connection still up.
        var flightEnded: @Sendable () -> Void = {}
        /// The connection does no more work, and will be closed soon. Whether the server may be asked to stop; then ``stopped`` follows, whenever the
        /// server has taken that.
        var stopping: @Sendable () -> Bool = { true }
        var stopped: @Sendable () -> Void = {}
        /// The connection accepts no new flights; it closes after the answers to those in flight.
        var retiring: @Sendable () -> Void = {}
        /// The connection is gone; all its flights have been told.
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
    private var flightNumber: UInt64 = 0
    private(set) var copyStep: CopyStep?
    /// The server is being asked to stop; then the connection is closed.
    private(set) var isStopping = false
    /// The server refused a write as read-only; see ``retireIfReadOnly(_:)``.
    private var isRetiring = false
    private var watch: IOTimer?
    private var lastReceived = ContinuousClock.now

    init(number: Int, _ opened: OpenedConnection, _ configuration: PostgresConfiguration, on io: IOThread, events: Events) {
        self.number = number
        self.io = io
        self.configuration = configuration
        self.events = events
        statements = StatementCache(capacity: configuration.statementCacheSize)
        handle = ConnectionHandle(adopting: opened)
    }

    /// Begins to take part in the thread's turns.
    func start() { io.add(self) }

    /// Connected, and not given up.
    var isUsable: Bool { handle != nil && !isStopping }
    var flightCount: Int { groups.count }
    var processID: Int32 { handle?.processID ?? 0 }

    /// Nothing is awaited from the server, or no more can come.
    var hasAnswered: Bool {
        guard let handle else { return true }
        return groups.isEmpty && PQisBusy(handle.raw) == 0
    }

    /// Connected, nothing on its way and no transaction open.
    var isIdle: Bool {
        guard let handle, !isStopping, !isRetiring, groups.isEmpty else { return false }
        return PQtransactionStatus(handle.raw) == PQTRANS_IDLE
    }

    /// A number for a flight of the one caller that has this connection.
    func nextFlight() -> UInt64 {
        flightNumber += 1
        return flightNumber
    }

    // MARK: Sending

    /// Sends now; the caller is resumed when the answer is there. On a closed connection it learns so at once.
    func send(_ flight: Flight) {
        if let fault = flight.fault {
            flight.caller.resume(returning: .failure(fault))
            return events.flightEnded()
        }
        if isIdle || flight.isShared { sendDiscards() }
        // Sending those may have shown that there is no connection any more.
        guard let handle, !isStopping else {
            let error = PostgresError(.connectionLost, "the connection was lost before this was sent")
            return flight.caller.resume(returning: .failure(error))
        }
        var preparations: [SentGroup.Preparation] = []
        var (step, sent) = (0, true)
        for statement in flight.statements where sent {
            sent = send(statement, handle, &preparations, &step)
        }
        let patience = configuration.statementTimeout * flight.statements.count + .seconds(5)
        groups.append(SentGroup(flight: flight, preparations: preparations, stepCount: step, patience: patience))
        finishGroup(handle, sent: sent)
    }

    private func send(
        _ statement: SQL, _ handle: ConnectionHandle, _ preparations: inout [SentGroup.Preparation], _ step: inout Int
    ) -> Bool {
        defer { step += 1 }
        guard configuration.namedStatements else { return sendUnnamed(statement, handle) }
        let key = StatementKey(statement)
        let entry = statements.use(key)
        return statement.parameters.withArguments { arguments in
            if entry.isNew {
                preparations.append(SentGroup.Preparation(step: step, key: key, name: entry.name))
                step += 1
                guard PQsendPrepare(handle.raw, entry.name, statement.text, arguments.count, arguments.types) == 1 else {
                    return false
                }
            }
            return PQsendQueryPrepared(
                handle.raw, entry.name, arguments.count, arguments.values, arguments.lengths, arguments.formats, 1) == 1
        }
    }

    private func sendUnnamed(_ statement: SQL, _ handle: ConnectionHandle) -> Bool {
        statement.parameters.withArguments { arguments in
            PQsendQueryParams(
                handle.raw, statement.text, arguments.count, arguments.types, arguments.values, arguments.lengths,
                arguments.formats, 1) == 1
        }
    }

    /// Frees the server of statements that made room for others, in a group of their own.
    private func sendDiscards() {
        for name in statements.takeDiscarded() {
            guard let handle, !isStopping else { return }
            let sent = PQsendQueryParams(handle.raw, "DEALLOCATE \(name)", 0, nil, nil, nil, nil, 1) == 1
            groups.append(
                SentGroup(flight: nil, preparations: [], stepCount: 1, patience: configuration.statementTimeout + .seconds(5)))
            finishGroup(handle, sent: sent)
        }
    }

    private func finishGroup(_ handle: ConnectionHandle, sent: Bool) {
        guard sent, PQpipelineSync(handle.raw) == 1 else { return close(.connectionLost, handle.message) }
        hasOutput = true
        if watch == nil { armWatch() }
    }

    /// Nobody waits for this flight any more; its answer will be dropped. Whether it was there.
    func abandon(_ id: UInt64) -> Bool {
        guard let flight = takeFlight(id) else { return false }
        let error = PostgresError(.cancelled, "the caller was cancelled", mayHaveHappened: flight.commits)
        flight.caller.resume(returning: .failure(error))
        return true
    }

    /// Takes the flight out of its group, which then waits for the answer alone.
    func takeFlight(_ id: UInt64) -> Flight? {
        guard let index = groups.firstIndex(where: { $0.flight?.id == id }) else { return nil }
        defer { groups[index].flight = nil }
        return groups[index].flight
    }

    func setCopyStep(_ step: CopyStep) { copyStep = step }

    func takeCopyStep() -> CopyStep? {
        defer { copyStep = nil }
        return copyStep
    }

    /// For how long nothing has come although an answer is due.
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

    /// Whether the socket has taken everything.
    func flushed() -> Bool {
        guard let handle else { return true }
        if hasOutput {
            switch PQflush(handle.raw) {
            case 0: hasOutput = false
            case 1: break
            default:
                hasOutput = false
                // What the server said before it went is still to be read.
                receive()
            }
        }
        return !hasOutput
    }

    func noteOutput() { hasOutput = true }
    func noteStopping() { isStopping = true }

    private func receive() {
        guard let handle else { return }
        lastReceived = .now
        var alive = true
        repeat {
            alive = PQconsumeInput(handle.raw) == 1
            if copyStep != nil { pollCopy() } else { drain(handle) }
            // What TLS has decrypted already does not make the socket readable.
        } while alive && self.handle != nil && handle.hasDecryptedInput
        if !alive { close(.connectionLost, handle.message) }
    }

    /// Takes every answer that has come in whole.
    private func drain(_ handle: ConnectionHandle) {
        var sawEnd = false
        while self.handle != nil, !groups.isEmpty, PQisBusy(handle.raw) == 0 {
            guard let result = PQgetResult(handle.raw) else {
                // One NULL ends a statement's results; two mean that libpq and we disagree about what was sent.
                if sawEnd { return close(.connectionLost, "answers out of step: \(handle.message)") }
                sawEnd = true
                continue
            }
            sawEnd = false
            take(ResultSet(adopting: result))
        }
    }

    private func take(_ result: consuming ResultSet) {
        switch result.status {
        case PGRES_PIPELINE_SYNC:
            end(groups.removeFirst())
            if isRetiring, groups.isEmpty { close(.unavailable, "the server is read-only") }
        case PGRES_COMMAND_OK where groups[0].flight?.isShared == true && result.opensTransaction:
            close(.connectionLost, "BEGIN on a shared connection; transactions go through transaction { }")
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: groups[0].succeeded(result)
        case PGRES_PIPELINE_ABORTED:
            forgetPreparation()
            groups[0].skipped()
        case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
            close(.connectionLost, "COPY goes through copyIn alone")
        default:
            guard let report = result.report, !report.endsConnection else {
                let (message, report) = (result.message, result.report)
                return close(.connectionLost, report?.message ?? message, report)
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
        guard var flight = group.flight else { return group.isInternal ? () : events.flightEnded() }
        guard let error = group.error else {
            flight.caller.resume(returning: .success(group.rows))
            return events.flightEnded()
        }
        if error.isStaleStatement {
            for statement in flight.statements { statements.forget(StatementKey(statement), discard: true) }
            if flight.mayBeResent {
                flight.wasResent = true
                return send(flight)
            }
        }
        flight.caller.resume(returning: .failure(error))
        events.flightEnded()
    }

    // MARK: The end

    /// Fails what is on its way and lets go of the server. Does nothing the second time.
    func close(_ reason: PostgresError.Reason, _ message: String, _ report: ServerReport? = nil) {
        guard handle != nil else { return }
        io.remove(self)
        handle = nil
        if let watch { io.cancel(watch) }
        watch = nil
        takeCopyStep()?.waiter.resume(returning: .failure(PostgresError(reason, message, report: report)))
        let lost = groups
        groups = []
        for group in lost {
            guard let flight = group.flight else { continue }
            let error = PostgresError(reason, message, mayHaveHappened: flight.commits, report: report)
            flight.caller.resume(returning: .failure(error))
        }
        events.closed(PostgresError(reason, message, report: report))
    }

    /// Looks every second whether the first answer is long overdue: the server bounds every statement, so such a connection is dead.
    private func armWatch() {
        watch = io.schedule(after: .seconds(1)) { [weak self] in self?.assumeIsolated { $0.checkPatience() } }
    }

    private func checkPatience() {
        watch = nil
        guard handle != nil, let first = groups.first else { return }
        if silence(at: .now) > first.patience {
            return close(.connectionLost, "no answer for too long")
        }
        armWatch()
    }
}
