import AMQP
import Contracts
import Logging
import Metrics
import Reactor
import Synchronization

/// Sends calls and waits for their answers.
///
/// Calls of one turn of the I/O thread leave together at its end, in few messages per called service. A full
/// message leaves at once.
actor CallClient: BusComponent {
    typealias Answer = Result<[UInt8], ServiceError>

    struct Waiter {
        let procedure: String
        let start: ContinuousClock.Instant
        let continuation: CheckedContinuation<Answer, Never>
        var timer: IOTimer?
    }

    /// How long a call may wait for a new connection after its connection was lost. Callers get an error
    /// within 100 ms.
    static let reconnectGrace: Duration = .milliseconds(90)

    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    nonisolated let io: IOThread
    nonisolated let service: ServiceName
    nonisolated let replyQueue: String
    let logger: Logger
    var requests: AMQPChannel?
    var replies: AMQPChannel?
    var pending: PendingCalls<Waiter>
    var outgoing = Coalescer<ServiceName, UInt64>(maximumBytes: CallEnvelope.coalescedBytes)
    var flushIsScheduled = false
    var graceTimer: IOTimer?
    var watchdog = BrokerWatchdog()
    private var isStopped = false
    private let lastID = Atomic(UInt64.random(in: 0..<(.max / 2)))
    private var metrics = MetricsByProcedure("calls")
    let inFlight = Gauge(label: "martlet_bus_calls_in_flight")
    let messages = Counter(label: "martlet_bus_call_messages")
    let ignored = Counter(label: "martlet_bus_replies_ignored")

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

    var isReady: Bool { requests?.isOpen == true && replies?.isOpen == true && !watchdog.isSilent }

    func opened() async throws(AMQPError) {
        try await requests?.opened()
        try await replies?.opened()
    }

    /// Refuses further calls, and fails the waiting ones.
    func stop() {
        isStopped = true
        for step in pending.abandonAll() { perform(step) }
    }

    // MARK: Calling

    /// Sends `call` under a new correlation id and returns its answer.
    nonisolated func call(_ call: WireCall, to target: ServiceName, isRepeatable: Bool, isVital: Bool) async -> Answer {
        var call = call
        let id = lastID.wrappingAdd(1, ordering: .relaxed).newValue
        call.correlationID = id
        return await withTaskCancellationHandler { [call] in
            // Most callers are on the I/O thread already and continue without a change of executor.
            guard io.isCurrent else { return await wait(for: call, to: target, isRepeatable: isRepeatable, isVital: isVital) }
            return await withCheckedContinuation { waiter in
                assumeIsolated { $0.add(call, to: target, isRepeatable: isRepeatable, isVital: isVital, waiter) }
            }
        } onCancel: {
            io.post { self.assumeIsolated { $0.cancel(id) } }
        }
    }

    private func wait(for call: WireCall, to target: ServiceName, isRepeatable: Bool, isVital: Bool) async -> Answer {
        await withCheckedContinuation { add(call, to: target, isRepeatable: isRepeatable, isVital: isVital, $0) }
    }

    private func add(
        _ call: WireCall, to target: ServiceName, isRepeatable: Bool, isVital: Bool,
        _ continuation: CheckedContinuation<Answer, Never>
    ) {
        var waiter = Waiter(procedure: call.procedure, start: .now, continuation: continuation)
        guard !isStopped, isReady else {
            return finish(waiter, .failure(ServiceError(.unavailable, "the broker is away", retryAfterMilliseconds: 1_000)))
        }
        // A later cancellation finds the call; an earlier one is seen here.
        if Task.isCancelled {
            let error = ServiceError(.deadlineExceeded, "\(call.procedure) was cancelled by its caller", mayHaveHappened: false)
            return finish(waiter, .failure(error))
        }
        let (id, left) = (call.correlationID, call.deadline - Deadline.now)
        waiter.timer = io.schedule(after: .milliseconds(isRepeatable ? left / 2 : left)) { [weak self] in
            self?.assumeIsolated { isRepeatable ? $0.halfTimePassed(id, left: left - left / 2) : $0.deadlinePassed(id) }
        }
        guard pending.add(call, to: target, isRepeatable: isRepeatable, isVital: isVital, waiter) else {
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

    /// Executes a step of one of the pending calls.
    func perform(_ step: PendingCalls<Waiter>.Step, _ id: UInt64 = 0) {
        switch step {
        case .none: break
        case .send: if let (service, bytes) = pending.destination(of: id) { enqueue(id, bytes: bytes, to: service) }
        case .sendWhenConnected: startGrace()
        case .fail(let waiter, let error): finish(waiter, .failure(error))
        }
    }

    func finish(_ waiter: Waiter, _ answer: Answer) {
        waiter.timer.map(io.cancel)
        metrics.record(waiter.procedure, answer.code, since: waiter.start)
        waiter.continuation.resume(returning: answer)
    }
}
