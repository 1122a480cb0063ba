import AMQP
import Contracts
import Logging
import Metrics
import Reactor
import Synchronization

/// Sends calls and waits for their answers.
///
/// What is called during one turn of the I/O thread leaves together at its end, in few messages for each service called; one that is full leaves at once.
actor CallClient {
    typealias Answer = Result<[UInt8], ServiceError>

    struct Waiter {
        let procedure: String
        let start: ContinuousClock.Instant
        let continuation: CheckedContinuation<Answer, Never>
        var timer: IOTimer?
    }

    /// How long a call whose connection went may wait for a new one before it is given up, so that callers learn within 100 ms.
    static let reconnectGrace: Duration = .milliseconds(90)

    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    nonisolated let io: IOThread
    nonisolated let service: ServiceName
    nonisolated let replyQueue: String
    private let logger: Logger
    private var requests: AMQPChannel?
    private var replies: AMQPChannel?
    private var pending: PendingCalls<Waiter>
    private var outgoing = Coalescer<ServiceName, UInt64>(maximumBytes: CallEnvelope.coalescedBytes)
    private var flushIsScheduled = false
    private var graceTimer: IOTimer?
    private var silence = SilenceWatch()
    private var isStopped = false
    private let lastID = Atomic(UInt64.random(in: 0..<(.max / 2)))
    private var metrics = MetricsByProcedure("calls")
    private let inFlight = Gauge(label: "martlet_bus_calls_in_flight")
    private let messages = Counter(label: "martlet_bus_call_messages")
    private let ignored = Counter(label: "martlet_bus_replies_ignored")

    init(_ configuration: BusConfiguration, on io: IOThread, logger: Logger) {
        self.io = io
        self.logger = logger
        service = configuration.service
        replyQueue = "\(configuration.service).replies.\(configuration.instance)"
        pending = PendingCalls(limit: configuration.callsAtOnce)
    }

    // MARK: Life

    /// Opens its two channels on `connection`.
    func open(on connection: AMQPConnection) async {
        requests = await connection.openChannel(
            AMQPChannelSetup(name: "calls out", confirmWindow: 32_768, onState: { [weak self] _ in self?.stateChanged() }))
        let consumer = AMQPConsumer(
            queue: AMQPQueue(replyQueue, durable: false, exclusive: true, autoDelete: true),
            bindings: [AMQPBinding(exchange: Exchange.replies, routingKey: replyQueue)], prefetch: 0, noAck: true
        ) { [weak self] delivery in self?.assumeIsolated { $0.received(delivery) } }
        replies = await connection.openChannel(
            AMQPChannelSetup(
                name: "answers in", confirmWindow: nil, consumers: [consumer],
                onState: { [weak self] state in self?.assumeIsolated { $0.repliesChanged(state) } }))
        await connection.observe { [weak self] status in self?.assumeIsolated { $0.connectionChanged(status) } }
    }

    var isReady: Bool { requests?.isOpen == true && replies?.isOpen == true && !silence.isSilent }

    func opened() async throws(AMQPError) {
        try await requests?.opened()
        try await replies?.opened()
    }

    /// Takes no more calls, and fails those that wait.
    func stop() {
        isStopped = true
        for step in pending.abandonAll() { perform(step) }
    }

    // MARK: Calling

    /// - Parameter call: its correlation id is given here.
    nonisolated func call(_ call: WireCall, to target: ServiceName, isRepeatable: Bool) async -> Answer {
        var call = call
        let id = lastID.wrappingAdd(1, ordering: .relaxed).newValue
        call.correlationID = id
        return await withTaskCancellationHandler { [call] in
            // Whoever is on the I/O thread already, as most are, goes on without a change of executor.
            guard io.isCurrent else { return await wait(for: call, to: target, isRepeatable: isRepeatable) }
            return await withCheckedContinuation { waiter in
                assumeIsolated { $0.add(call, to: target, isRepeatable: isRepeatable, waiter) }
            }
        } onCancel: {
            Task(executorPreference: io) { await self.cancel(id) }
        }
    }

    private func wait(for call: WireCall, to target: ServiceName, isRepeatable: Bool) async -> Answer {
        await withCheckedContinuation { add(call, to: target, isRepeatable: isRepeatable, $0) }
    }

    private func add(
        _ call: WireCall, to target: ServiceName, isRepeatable: Bool, _ continuation: CheckedContinuation<Answer, Never>
    ) {
        var waiter = Waiter(procedure: call.procedure, start: .now, continuation: continuation)
        guard !isStopped, isReady else {
            return finish(waiter, .failure(ServiceError(.unavailable, "the broker is away", retryAfterMilliseconds: 1_000)))
        }
        // A cancellation from now on finds the call; one from before is seen here.
        if Task.isCancelled {
            let error = ServiceError(.deadlineExceeded, "\(call.procedure) was given up by its caller", mayHaveHappened: false)
            return finish(waiter, .failure(error))
        }
        let (id, left) = (call.correlationID, call.deadline - Deadline.now)
        waiter.timer = io.schedule(after: .milliseconds(isRepeatable ? left / 2 : left)) { [weak self] in
            self?.assumeIsolated { isRepeatable ? $0.halfTimePassed(id, left: left - left / 2) : $0.deadlinePassed(id) }
        }
        guard pending.add(call, to: target, isRepeatable: isRepeatable, waiter) else {
            let error = ServiceError(.unavailable, "too many calls wait for an answer", retryAfterMilliseconds: 500)
            return finish(waiter, .failure(error))
        }
        enqueue(id, bytes: call.byteCount, to: target)
    }

    private func cancel(_ id: UInt64) { perform(pending.cancelled(id), id) }

    private func halfTimePassed(_ id: UInt64, left: Int64) {
        let timer = io.schedule(after: .milliseconds(left)) { [weak self] in self?.assumeIsolated { $0.deadlinePassed(id) } }
        pending.updateWaiter(id) { $0.timer = timer }
        perform(pending.halfTimePassed(id), id)
    }

    private func deadlinePassed(_ id: UInt64) { perform(pending.deadlinePassed(id), id) }

    /// Does what the pending calls decided about one of them.
    private func perform(_ step: PendingCalls<Waiter>.Step, _ id: UInt64 = 0) {
        switch step {
        case .none: break
        case .send: if let (service, bytes) = pending.destination(of: id) { enqueue(id, bytes: bytes, to: service) }
        case .sendWhenConnected: startGrace()
        case .fail(let waiter, let error): finish(waiter, .failure(error))
        }
    }

    private func finish(_ waiter: Waiter, _ answer: Answer) {
        waiter.timer.map(io.cancel)
        metrics.record(waiter.procedure, answer.code, since: waiter.start)
        waiter.continuation.resume(returning: answer)
    }
}

// MARK: - Sending

extension CallClient {
    private func enqueue(_ id: UInt64, bytes: Int, to service: ServiceName) {
        if let full = outgoing.add(id, bytes: bytes, to: service) {
            send(full, to: service)
            requests?.flush()
        }
        if flushIsScheduled { return }
        flushIsScheduled = true
        io.atTurnEnd { [weak self] in self?.assumeIsolated { $0.flush() } }
    }

    private func flush() {
        flushIsScheduled = false
        inFlight.record(pending.count)
        for (service, ids) in outgoing.takeRest() { send(ids, to: service) }
    }

    private func send(_ ids: [UInt64], to service: ServiceName) {
        let taken = ids.compactMap { pending.takeForSending($0) }
        if !taken.isEmpty { send(taken.map(\.call), taken.map(\.attempt), to: service) }
    }

    private func send(_ calls: [WireCall], _ attempts: [PendingCalls<Waiter>.Attempt], to service: ServiceName) {
        let latest = calls.lazy.map(\.deadline).max() ?? 0
        var properties = AMQPProperties()
        properties.userID = self.service.rawValue
        properties.replyTo = replyQueue
        properties.expiration = max(1, latest - Deadline.now)
        let message = AMQPMessage(
            exchange: Exchange.rpc, routingKey: service.rawValue, mandatory: true, properties: properties,
            body: CallEnvelope.encode(calls))
        do throws(AMQPError) {
            guard let requests, isReady else { throw .notConnected("the channel is not open") }
            try requests.send(message) { [weak self] outcome in self?.assumeIsolated { $0.settle(attempts, outcome) } }
            messages.increment()
            if silence.sent() { scheduleTick() }
        } catch {
            for attempt in attempts { perform(pending.refused(attempt, .notSent(error.whyNotSent)), attempt.id) }
        }
    }

    private func settle(_ attempts: [PendingCalls<Waiter>.Attempt], _ outcome: AMQPOutcome) {
        hear { $0.settled() }
        switch outcome {
        case .confirmed: break
        case .returned: for attempt in attempts { perform(pending.refused(attempt, .noServer), attempt.id) }
        case .rejected: for attempt in attempts { perform(pending.refused(attempt, .full), attempt.id) }
        case .lost: for attempt in attempts { perform(pending.lost(attempt), attempt.id) }
        }
    }
}

// MARK: - Answers, and the connection

extension CallClient {
    private func received(_ delivery: AMQPDelivery) {
        hear { $0.heard() }
        let sender = delivery.properties.userID
        do {
            for reply in try ReplyEnvelope.decode(delivery.body) {
                let isInDoubt = reply.kind == .error && pending.isInDoubt(reply.correlationID)
                guard let waiter = pending.answered(reply.correlationID, by: sender) else {
                    ignored.increment()  // late, a second answer to a repeated call, or from somebody who was not asked
                    continue
                }
                finish(waiter, reply.answer(isInDoubt: isInDoubt))
            }
        } catch {
            unreadable(error, from: sender)
        }
    }

    private func unreadable(_ error: EnvelopeError, from sender: String?) {
        ignored.increment()
        logger.warning("answers cannot be read", metadata: ["from": "\(sender ?? "-")", "error": "\(error)"])
        for id in error.correlationIDs {
            guard let waiter = pending.answered(id, by: sender) else { continue }
            let error = ServiceError(.internal, "the answer of \(sender ?? "-") cannot be read by this release")
            finish(waiter, .failure(error))
        }
    }

    private func repliesChanged(_ state: AMQPChannelState) {
        if case .lost = state { loseAll() } else { resumeWaiting() }
    }

    private nonisolated func stateChanged() { assumeIsolated { $0.resumeWaiting() } }

    private func connectionChanged(_ status: AMQPStatus) {
        // A blocked connection takes our publishes and gives no answers; servers' answers wait likewise.
        if case .blocked = status { loseAll() }
        if case .unblocked = status { resumeWaiting() }
    }

    /// Whoever waited for the broker goes on once it gives a sign of life.
    private func hear(_ sign: (inout SilenceWatch) -> Void) {
        let wasSilent = silence.isSilent
        sign(&silence)
        if wasSilent, !silence.isSilent { resumeWaiting() }
    }

    private func scheduleTick() {
        io.schedule(after: SilenceWatch.tick) { [weak self] in self?.assumeIsolated { $0.tick() } }
    }

    private func tick() {
        let step = silence.ticked()
        if step == .becameSilent {
            logger.warning("the broker is silent")
            loseAll()
        }
        if step != .rest { scheduleTick() }
    }

    private func loseAll() {
        for (id, step) in pending.lostAll() { perform(step, id) }
    }

    private func resumeWaiting() {
        guard isReady else { return }
        graceTimer.map(io.cancel)
        graceTimer = nil
        for id in pending.connected() { perform(.send, id) }
    }

    private func startGrace() {
        if graceTimer != nil { return }
        graceTimer = io.schedule(after: Self.reconnectGrace) { [weak self] in
            self?.assumeIsolated { client in
                client.graceTimer = nil
                for step in client.pending.connectionStayedAway() { client.perform(step) }
            }
        }
    }
}

extension Result where Failure == ServiceError {
    /// For metrics.
    var code: String {
        switch self {
        case .success: "ok"
        case .failure(let error): error.code.rawValue
        }
    }
}

extension EnvelopeError {
    var correlationIDs: [UInt64] {
        switch self {
        case .truncated: []
        case .version(_, let ids), .malformed(_, let ids): ids
        }
    }
}

extension AMQPError {
    /// For people.
    var whyNotSent: String {
        switch self {
        case .notConnected: "the broker is away"
        case .blocked: "the broker takes no messages now"
        case .full: "the connection to the broker is full"
        default: "the call could not be sent"
        }
    }
}
