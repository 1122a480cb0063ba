import AMQP
import CBOR
import Contracts
import Logging
import Metrics
import Reactor

/// Receives calls from the service's request queue, runs their handlers, and sends the answers of one turn
/// together.
actor CallServer: BusComponent {
    /// A call in progress.
    private struct Running {
        let correlationID: UInt64
        let address: String
        let procedure: ProcedureState
        let start: ContinuousClock.Instant
        let task: Task<Void, Never>
        let timer: IOTimer
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    nonisolated let io: IOThread
    private let configuration: BusConfiguration
    private let logger: Logger
    private nonisolated let tracing = CallTracing()
    private let procedures: [String: ProcedureState]
    private var requests: AMQPChannel?
    private var replies: AMQPChannel?
    private var running: [UInt64: Running] = [:]
    private var nextRun: UInt64 = 0
    private var outgoing = Coalescer<String, WireReply>(maximumBytes: ReplyEnvelope.coalescedBytes)
    private var flushIsScheduled = false
    private var isStopping = false
    private var idle: CheckedContinuation<Void, Never>?
    private var unknown = ProcedureMetrics("handled", procedure: "unknown")
    private let inProgress = Gauge(label: "martlet_bus_handled_in_flight")
    private let messages = Counter(label: "martlet_bus_reply_messages")
    private let badEnvelopes = Counter(label: "martlet_bus_bad_envelopes")
    private let dropped = Counter(label: "martlet_bus_replies_dropped")

    init(_ procedures: [ServedProcedure], _ configuration: BusConfiguration, on io: IOThread, logger: Logger) {
        self.io = io
        self.configuration = configuration
        self.logger = logger
        self.procedures = Dictionary(procedures.map { ($0.name.rawValue, ProcedureState($0)) }) { _, last in last }
    }

    // MARK: Life

    func open(on connection: AMQPConnection) async {
        replies = await connection.openChannel(AMQPChannelSetup(name: "answers out", confirmWindow: nil))
        let queue = AMQPQueue(
            "\(configuration.service).rpc", durable: true, autoDelete: true,
            arguments: ["x-max-length": .integer(configuration.requestQueueLength), "x-overflow": "reject-publish"])
        let consumer = AMQPConsumer(
            queue: queue, bindings: [AMQPBinding(exchange: Exchange.rpc, routingKey: configuration.service.rawValue)], noAck: true
        ) { [weak self] delivery in self?.assumeIsolated { $0.received(delivery) } }
        requests = await connection.openChannel(AMQPChannelSetup(name: "calls in", confirmWindow: nil, consumers: [consumer]))
    }

    var isReady: Bool { requests?.isOpen == true && replies?.isOpen == true }

    func opened() async throws(AMQPError) {
        try await replies?.opened()
        try await requests?.opened()
    }

    func drain(atMost limit: Duration) async {
        await requests?.stopConsuming()
        isStopping = true
        let timer = io.schedule(after: limit) { [weak self] in self?.assumeIsolated { $0.abandon() } }
        await withCheckedContinuation { waiter in
            if running.isEmpty { waiter.resume() } else { idle = waiter }
        }
        io.cancel(timer)
        flush()
    }

    private func abandon() {
        logger.warning("calls were cancelled by the stop", metadata: ["count": "\(running.count)"])
        for run in running.values { run.task.cancel() }
        idle.take()?.resume()
    }

    // MARK: Requests

    private func received(_ delivery: AMQPDelivery) {
        let (caller, address) = (delivery.properties.userID ?? "", delivery.properties.replyTo ?? "")
        // The address must be a queue of the caller, so that no service can direct answers to another.
        guard !caller.isEmpty, address.hasPrefix("\(caller).replies.") else {
            return refused("no verified caller, or a reply queue of another service", caller: caller)
        }
        do {
            for call in try CallEnvelope.decode(delivery.body) {
                receive(call, from: ServiceName(rawValue: caller), answerTo: address)
            }
        } catch {
            refused(error.reason, caller: caller)
            for id in error.correlationIDs { answer(id, .failure(error.refusal), to: address) }
        }
    }

    private func refused(_ reason: String, caller: String) {
        badEnvelopes.increment()
        logger.warning("an envelope was refused", metadata: ["reason": "\(reason)", "caller": "\(caller.prefix(64))"])
    }

    private func receive(_ call: WireCall, from caller: ServiceName, answerTo address: String) {
        let start = ContinuousClock.now
        guard let procedure = procedures[call.procedure] else {
            let error = ServiceError(.unimplemented, "\(configuration.service) has no such procedure")
            unknown.record(error.code.rawValue, since: start)
            return answer(call.correlationID, .failure(error), to: address)
        }
        if let refusal = refusal(of: call, from: caller, procedure) {
            procedure.metrics.record(refusal.code.rawValue, since: start)
            answer(call.correlationID, .failure(refusal), to: address)
        } else {
            begin(call, from: caller, of: procedure, answerTo: address, start: start)
        }
    }

    private func refusal(of call: WireCall, from caller: ServiceName, _ state: ProcedureState) -> ServiceError? {
        if !state.procedure.callers.contains(caller) {
            return ServiceError(.denied, "\(caller) may not call \(call.procedure)")
        }
        if Deadline(millisecondsSinceEpoch: call.deadline).hasPassed {
            return ServiceError(.deadlineExceeded, "\(call.procedure) arrived after its deadline", mayHaveHappened: false)
        }
        if state.isFull || running.count >= configuration.handledAtOnce && !state.procedure.isVital {
            return ServiceError(
                .unavailable, "\(configuration.service) is busy with \(call.procedure)", retryAfterMilliseconds: 500)
        }
        return nil
    }

    private func begin(
        _ call: WireCall, from caller: ServiceName, of state: ProcedureState, answerTo address: String,
        start: ContinuousClock.Instant
    ) {
        nextRun += 1
        let (run, procedure) = (nextRun, state.procedure)
        let deadline = Deadline(millisecondsSinceEpoch: call.deadline)
        let context = CallContext(caller: caller, procedure: procedure.name, deadline: deadline)
        let task = Task(executorPreference: io) {
            let result = await self.handle(call, with: procedure, context: context)
            self.finished(run, result)
        }
        let timer = io.schedule(after: .milliseconds(max(1, deadline.millisecondsLeft))) { task.cancel() }
        state.inProgress += 1
        running[run] = Running(
            correlationID: call.correlationID, address: address, procedure: state, start: start, task: task, timer: timer)
    }

    private nonisolated func handle(
        _ call: WireCall, with procedure: ServedProcedure, context: CallContext
    ) async -> Result<[UInt8], ServiceError> {
        await Deadline.$current.withValue(context.deadline) {
            await tracing.serving(call) { span in
                let result = await procedure.answer(call.payload, context)
                if case .failure(let error) = result { span.setFailed(error) }
                return result
            }
        }
    }

    /// Called on the I/O thread, which the handler's task prefers and this actor runs on.
    private nonisolated func finished(_ run: UInt64, _ result: Result<[UInt8], ServiceError>) {
        assumeIsolated { $0.finish(run, result) }
    }

    private func finish(_ run: UInt64, _ result: Result<[UInt8], ServiceError>) {
        guard let call = running.removeValue(forKey: run) else { return }
        io.cancel(call.timer)
        call.procedure.inProgress -= 1
        call.procedure.metrics.record(result.code, since: call.start)
        answer(call.correlationID, result, to: call.address)
        if running.isEmpty, let idle {
            self.idle = nil
            idle.resume()
        }
    }

    // MARK: Answers

    private func answer(_ id: UInt64, _ result: Result<[UInt8], ServiceError>, to address: String) {
        let reply: WireReply
        switch result {
        case .success(let payload): reply = WireReply(correlationID: id, kind: .answer, payload: payload)
        case .failure(let error):
            let payload = (try? CBOREncoder.contracts.encode(error)) ?? []
            reply = WireReply(correlationID: id, kind: .error, payload: payload)
        }
        if let full = outgoing.add(reply, bytes: reply.byteCount, to: address) {
            send(full, to: address)
            replies?.flush()
        }
        if flushIsScheduled { return }
        flushIsScheduled = true
        io.atTurnEnd { [weak self] in self?.assumeIsolated { $0.flush() } }
    }

    private func flush() {
        flushIsScheduled = false
        inProgress.record(running.count)
        for (address, answers) in outgoing.drain() { send(answers, to: address) }
    }

    private func send(_ answers: [WireReply], to address: String) {
        var properties = AMQPProperties()
        properties.userID = configuration.service.rawValue
        let message = AMQPMessage(
            exchange: Exchange.replies, routingKey: address, properties: properties, body: ReplyEnvelope.encode(answers))
        do throws(AMQPError) {
            guard let replies else { throw .notConnected("not opened") }
            try replies.send(message)
            messages.increment()
        } catch {
            // The caller has lost its connection too, or learns by its deadline.
            dropped.increment(by: answers.count)
        }
    }
}

extension EnvelopeError {
    /// The reason, for logs.
    fileprivate var reason: String {
        switch self {
        case .truncated: "not an envelope"
        case .version(let version, _): "version \(version)"
        case .malformed(let what, _): what
        }
    }

    fileprivate var refusal: ServiceError {
        switch self {
        case .truncated: ServiceError(.invalid, "the message is malformed")
        case .version(let version, _):
            ServiceError(.unimplemented, "envelope version \(version) is not supported; version \(EnvelopeHead.version) is")
        case .malformed(let what, _): ServiceError(.invalid, "the message is malformed: \(what)")
        }
    }
}
