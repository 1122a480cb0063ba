import AMQP
import Contracts
import Logging
import Metrics
import Reactor
import Tracing

/// Takes calls from the service's request queue, has them handled, and sends the answers of one turn together.
actor CallServer {
    /// The whole of what waits for an answer from here, per call being handled.
    private struct Running {
        let task: Task<Void, Never>
        let timer: IOTimer
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    nonisolated let io: IOThread
    private let configuration: BusConfiguration
    private let logger: Logger
    private let procedures: [String: ServedProcedure]
    private var requests: AMQPChannel?
    private var replies: AMQPChannel?
    private var admission: Admission
    private var running: [UInt64: Running] = [:]
    private var nextRun: UInt64 = 0
    private var outgoing = Coalescer<String, WireReply>(maximumBytes: ReplyEnvelope.coalescedBytes)
    private var flushIsScheduled = false
    private var isStopping = false
    private var idle: CheckedContinuation<Void, Never>?
    private var metrics = MetricsByProcedure("handled")
    private let inHand = Gauge(label: "martlet_bus_handled_in_flight")
    private let messages = Counter(label: "martlet_bus_reply_messages")
    private let badEnvelopes = Counter(label: "martlet_bus_bad_envelopes")
    private let dropped = Counter(label: "martlet_bus_replies_dropped")

    init(_ procedures: [ServedProcedure], _ configuration: BusConfiguration, on io: IOThread, logger: Logger) {
        self.io = io
        self.configuration = configuration
        self.logger = logger
        self.procedures = Dictionary(procedures.map { ($0.name.rawValue, $0) }) { _, last in last }
        admission = Admission(limit: configuration.handledAtOnce)
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
        guard let procedure = procedures[call.procedure] else {
            return refuse(
                call, address, "unknown", ServiceError(.unimplemented, "\(configuration.service) knows no such procedure"))
        }
        let deadline = Deadline(millisecondsSinceEpoch: call.deadline)
        if !procedure.callers.contains(caller) {
            refuse(call, address, call.procedure, ServiceError(.denied, "\(caller) may not call \(call.procedure)"))
        } else if deadline.hasPassed {
            let error = ServiceError(.deadlineExceeded, "\(call.procedure) came too late to be begun", mayHaveHappened: false)
            refuse(call, address, call.procedure, error)
        } else if !admission.begin(call.procedure, atMost: procedure.limit) {
            let error = ServiceError(
                .unavailable, "\(configuration.service) is busy with \(call.procedure)", retryAfterMilliseconds: 500)
            refuse(call, address, call.procedure, error)
        } else {
            start(call, procedure, CallContext(caller: caller, procedure: procedure.name, deadline: deadline), address)
        }
    }

    private func refuse(_ call: WireCall, _ address: String, _ name: String, _ error: ServiceError) {
        metrics.record(name, error.code.rawValue, since: .now)
        answer(call.correlationID, address, .failure(error))
    }

    private func start(_ call: WireCall, _ procedure: ServedProcedure, _ context: CallContext, _ address: String) {
        nextRun += 1
        let (run, start) = (nextRun, ContinuousClock.now)
        let task = Task(executorPreference: io) {
            let result = await Self.handle(call, procedure, context)
            self.finished(run, call, result, address, since: start)
        }
        let timer = io.schedule(after: .milliseconds(max(1, context.deadline.millisecondsLeft))) { task.cancel() }
        running[run] = Running(task: task, timer: timer)
    }

    private nonisolated static func handle(
        _ call: WireCall, _ procedure: ServedProcedure, _ context: CallContext
    ) async -> Result<[UInt8], ServiceError> {
        await Deadline.$current.withValue(context.deadline) {
            await withSpan(call.procedure, context: TraceCarrier.context(of: call.context), ofKind: .server) { span in
                let result = await procedure.answer(call.payload, context)
                if case .failure(let error) = result { span.attributes["martlet.error"] = error.code.rawValue }
                return result
            }
        }
    }

    /// The handler's task prefers the I/O thread, which is this actor's executor.
    private nonisolated func finished(
        _ run: UInt64, _ call: WireCall, _ result: Result<[UInt8], ServiceError>, _ address: String,
        since start: ContinuousClock.Instant
    ) {
        assumeIsolated { $0.finish(run, call, result, address, since: start) }
    }

    private func finish(
        _ run: UInt64, _ call: WireCall, _ result: Result<[UInt8], ServiceError>, _ address: String,
        since start: ContinuousClock.Instant
    ) {
        running.removeValue(forKey: run).map { io.cancel($0.timer) }
        admission.end(call.procedure)
        metrics.record(call.procedure, result.code, since: start)
        answer(call.correlationID, address, result)
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
            let payload = (try? CBOREncoder().encode(error)) ?? []
            reply = WireReply(correlationID: id, kind: .error, payload: payload)
        }
        outgoing.add(reply, bytes: reply.byteCount, to: address)
        if flushIsScheduled { return }
        flushIsScheduled = true
        io.atTurnEnd { [weak self] in self?.assumeIsolated { $0.flush() } }
    }

    private func flush() {
        flushIsScheduled = false
        inHand.record(admission.count)
        for (address, answers) in outgoing.takeMessages() {
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
