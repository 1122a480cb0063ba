import AMQP
import CBOR
import Contracts
import Logging
import Metrics
import Reactor

/// Takes calls from the service's request queue, has them handled, and sends the answers of one turn together.
actor CallServer: BusComponent {
    /// The whole of what waits for an answer from here, per call being handled.
    private struct Running {
        let correlationID: UInt64
        let address: String
        let desk: ProcedureState
        let start: ContinuousClock.Instant
        let task: Task<Void, Never>
        let timer: IOTimer
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    nonisolated let io: IOThread
    private let configuration: BusConfiguration
    private let logger: Logger
    private nonisolated let tracing = CallTracing()
    private let desks: [String: ProcedureState]
    private var requests: AMQPChannel?
    private var replies: AMQPChannel?
    private var running: [UInt64: Running] = [:]
    private var nextRun: UInt64 = 0
    private var outgoing = Coalescer<String, WireReply>(maximumBytes: ReplyEnvelope.coalescedBytes)
    private var flushIsScheduled = false
    private var isStopping = false
    private var idle: CheckedContinuation<Void, Never>?
    private var unknown = ProcedureMetrics("handled", procedure: "unknown")
    private let inHand = Gauge(label: "martlet_bus_handled_in_flight")
    private let messages = Counter(label: "martlet_bus_reply_messages")
    private let badEnvelopes = Counter(label: "martlet_bus_bad_envelopes")
    private let dropped = Counter(label: "martlet_bus_replies_dropped")

    init(_ procedures: [ServedProcedure], _ configuration: BusConfiguration, on io: IOThread, logger: Logger) {
        self.io = io
        self.configuration = configuration
        self.logger = logger
        desks = Dictionary(procedures.map { ($0.name.rawValue, ProcedureState($0)) }) { _, last in last }
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

    /// Takes nothing new, and returns when what is in hand is answered or `limit` has passed and the rest is cancelled.
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
        logger.warning("calls are cut off by the stop", metadata: ["count": "\(running.count)"])
        for run in running.values { run.task.cancel() }
        idle.take()?.resume()
    }

    // MARK: Requests

    private func received(_ delivery: AMQPDelivery) {
        let (caller, address) = (delivery.properties.userID ?? "", delivery.properties.replyTo ?? "")
        // Whoever calls is answered at a queue of its own, so that nobody can have answers sent to others.
        guard !caller.isEmpty, address.hasPrefix("\(caller).replies.") else {
            return bad("calls without a verified caller or a reply queue of the caller's", caller)
        }
        do {
            for call in try CallEnvelope.decode(delivery.body) { take(call, from: ServiceName(rawValue: caller), address) }
        } catch {
            bad("\(error.reason)", caller)
            for id in error.correlationIDs { answer(id, address, .failure(error.refusal)) }
        }
    }

    private func bad(_ what: String, _ caller: String) {
        badEnvelopes.increment()
        logger.warning("an envelope was refused", metadata: ["reason": "\(what)", "caller": "\(caller.prefix(64))"])
    }

    private func take(_ call: WireCall, from caller: ServiceName, _ address: String) {
        let start = ContinuousClock.now
        guard let desk = desks[call.procedure] else {
            let error = ServiceError(.unimplemented, "\(configuration.service) knows no such procedure")
            unknown.record(error.code.rawValue, since: start)
            return answer(call.correlationID, address, .failure(error))
        }
        if let refusal = refusal(of: call, from: caller, desk) {
            desk.metrics.record(refusal.code.rawValue, since: start)
            answer(call.correlationID, address, .failure(refusal))
        } else {
            begin(call, from: caller, desk, address, start)
        }
    }

    private func refusal(of call: WireCall, from caller: ServiceName, _ desk: ProcedureState) -> ServiceError? {
        if !desk.procedure.callers.contains(caller) { return ServiceError(.denied, "\(caller) may not call \(call.procedure)") }
        if Deadline(millisecondsSinceEpoch: call.deadline).hasPassed {
            return ServiceError(.deadlineExceeded, "\(call.procedure) came too late to be begun", mayHaveHappened: false)
        }
        if desk.isFull || running.count >= configuration.handledAtOnce && !desk.procedure.isVital {
            return ServiceError(
                .unavailable, "\(configuration.service) is busy with \(call.procedure)", retryAfterMilliseconds: 500)
        }
        return nil
    }

    private func begin(
        _ call: WireCall, from caller: ServiceName, _ desk: ProcedureState, _ address: String, _ start: ContinuousClock.Instant
    ) {
        nextRun += 1
        let (run, procedure) = (nextRun, desk.procedure)
        let deadline = Deadline(millisecondsSinceEpoch: call.deadline)
        let context = CallContext(caller: caller, procedure: procedure.name, deadline: deadline)
        let task = Task(executorPreference: io) {
            let result = await self.handle(call, procedure, context)
            self.finished(run, result)
        }
        let timer = io.schedule(after: .milliseconds(max(1, deadline.millisecondsLeft))) { task.cancel() }
        desk.inHand += 1
        running[run] = Running(
            correlationID: call.correlationID, address: address, desk: desk, start: start, task: task, timer: timer)
    }

    private nonisolated func handle(
        _ call: WireCall, _ procedure: ServedProcedure, _ context: CallContext
    ) async -> Result<[UInt8], ServiceError> {
        await Deadline.$current.withValue(context.deadline) {
            await tracing.serving(call) { span in
                let result = await procedure.answer(call.payload, context)
                if case .failure(let error) = result { span.note(error) }
                return result
            }
        }
    }

    /// The handler's task prefers the I/O thread, which this actor lives on.
    private nonisolated func finished(_ run: UInt64, _ result: Result<[UInt8], ServiceError>) {
        assumeIsolated { $0.finish(run, result) }
    }

    private func finish(_ run: UInt64, _ result: Result<[UInt8], ServiceError>) {
        guard let call = running.removeValue(forKey: run) else { return }
        io.cancel(call.timer)
        call.desk.inHand -= 1
        call.desk.metrics.record(result.code, since: call.start)
        answer(call.correlationID, call.address, result)
        if running.isEmpty, let idle {
            self.idle = nil
            idle.resume()
        }
    }

    // MARK: Answers

    private func answer(_ id: UInt64, _ address: String, _ result: Result<[UInt8], ServiceError>) {
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
        inHand.record(running.count)
        for (address, answers) in outgoing.takeRest() { send(answers, to: address) }
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
            // The caller's connection fares no better, or its deadline tells it.
            dropped.increment(by: answers.count)
        }
    }
}

extension EnvelopeError {
    /// For logs.
    fileprivate var reason: String {
        switch self {
        case .truncated: "not an envelope"
        case .version(let version, _): "version \(version)"
        case .malformed(let what, _): what
        }
    }

    fileprivate var refusal: ServiceError {
        switch self {
        case .truncated: ServiceError(.invalid, "the message cannot be read")
        case .version(let version, _):
            ServiceError(.unimplemented, "version \(version) of the envelope is not known here, \(EnvelopeHead.version) is")
        case .malformed(let what, _): ServiceError(.invalid, "the message cannot be read: \(what)")
        }
    }
}
