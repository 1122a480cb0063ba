import AMQP
import Contracts
import Logging
import Metrics
import Postgres
import Reactor
import Tracing

/// Works on the events of one queue.
actor WorkConsumer: BusComponent {
    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    private nonisolated let io: IOThread
    private let queue: WorkQueue
    private let name: String
    private let service: ServiceName
    private let facts: EventPublisher
    private let logger: Logger
    private var channel: AMQPChannel?
    private var inHand: [UInt64: Task<Void, Never>] = [:]
    /// Those that wait before the next attempt.
    private var resting: Set<UInt64> = []
    private var lastDelivery: UInt64 = 0
    private var isStopping = false
    private var idle: CheckedContinuation<Void, Never>?
    private let handled: Counter
    private let failed: Counter
    private let dead: Counter

    init(_ queue: WorkQueue, _ service: ServiceName, facts: EventPublisher, on io: IOThread, logger: Logger) {
        (self.queue, self.service, self.facts, self.io) = (queue, service, facts, io)
        name = Queues.work(service, queue.purpose)
        var logger = logger
        logger[metadataKey: "queue"] = "\(name)"
        self.logger = logger
        handled = Counter(label: "martlet_events_handled", dimensions: [("queue", name)])
        failed = Counter(label: "martlet_events_failed", dimensions: [("queue", name)])
        dead = Counter(label: "martlet_events_dead", dimensions: [("queue", name)])
    }

    // MARK: Life

    func open(on connection: AMQPConnection) async {
        let types = queue.handlers.keys.map(\.rawValue).sorted()
        let consumer = AMQPConsumer(
            queue: Queues.workQueue(service, queue.purpose),
            // Its own name on the dead letters' exchange, so that a replayed event comes here and nowhere else.
            bindings: types.map { AMQPBinding(exchange: Exchange.events, routingKey: $0) }
                + [AMQPBinding(exchange: Exchange.dead, routingKey: name)],
            prefetch: max(1, queue.atOnce)
        ) { [weak self] delivery in self?.assumeIsolated { $0.received(delivery) } }
        channel = await connection.openChannel(
            AMQPChannelSetup(
                name: name, confirmWindow: nil, declarations: Queues.deadLetters(of: service), consumers: [consumer]))
        tidy()
    }

    /// Removes old notes from the inbox, now and then.
    private func tidy() {
        if isStopping { return }
        Task(executorPreference: io) { [inbox = queue.inbox] in
            while let mayHaveMore = try? await inbox.tidy(), mayHaveMore {}
        }
        io.schedule(after: .seconds(3_600)) { [weak self] in self?.assumeIsolated { $0.tidy() } }
    }

    var isReady: Bool { channel?.isOpen == true }

    func opened() async throws(AMQPError) { try await channel?.opened() }

    /// Takes nothing new, hands back what only waits, and returns when the rest is done or `limit` has passed.
    func drain(atMost limit: Duration) async {
        isStopping = true
        await channel?.stopConsuming()
        for id in resting { inHand[id]?.cancel() }
        let timer = io.schedule(after: limit) { [weak self] in self?.assumeIsolated { $0.abandon() } }
        await withCheckedContinuation { waiter in
            if inHand.isEmpty { waiter.resume() } else { idle = waiter }
        }
        io.cancel(timer)
    }

    private func abandon() {
        logger.warning("events are cut off by the stop", metadata: ["count": "\(inHand.count)"])
        for task in inHand.values { task.cancel() }
        resumeIdle()
    }

    private func resumeIdle() {
        idle.take()?.resume()
    }

    // MARK: One event

    private func received(_ delivery: AMQPDelivery) {
        lastDelivery += 1
        let id = lastDelivery
        inHand[id] = Task(executorPreference: io) {
            let fate = await self.work(on: delivery, id)
            self.finished(id, delivery, fate)
        }
    }

    private enum Fate { case done, handBack }

    private nonisolated func finished(_ id: UInt64, _ delivery: AMQPDelivery, _ fate: Fate) {
        assumeIsolated { consumer in
            consumer.inHand[id] = nil
            switch fate {
            case .done: consumer.channel?.acknowledge(delivery.tag)
            case .handBack: consumer.channel?.reject(delivery.tag, requeue: true)
            }
            if consumer.inHand.isEmpty { consumer.resumeIdle() }
        }
    }

    private func work(on delivery: AMQPDelivery, _ id: UInt64) async -> Fate {
        let event: CloudEvent
        do { event = try CloudEvent(delivery) } catch {
            return await bury(delivery, nil, reason: (error as? CloudEvent.Malformed)?.reason ?? "\(error)", id)
        }
        let sender = delivery.properties.userID
        guard event.isTold(by: sender, to: service) else {
            return await bury(delivery, event, reason: "told by \(sender ?? "nobody"), whose fact it is not", id)
        }
        // A binding of an earlier release may still be there.
        guard let handler = queue.handlers[event.type] else { return .done }
        var (attempt, pause) = (1, Pause())
        while !Task.isCancelled {
            let failure = await self.attempt(attempt, handler, event, delivery.body)
            switch failure {
            case nil:
                handled.increment()
                return .done
            case .malformed(let reason): return await bury(delivery, event, reason: reason, id)
            case .stopped: return .handBack
            case .dependency(let reason): logger.warning("an event waits", metadata: about(event, reason))
            case .failed(let reason):
                failed.increment()
                logger.warning("an event failed", metadata: about(event, reason))
                let count = try? await queue.inbox.failed(event.id, queue: name, reason: reason)
                if let count, count >= WorkQueue.failuresAllowed { return await bury(delivery, event, reason: reason, id) }
                attempt = (count ?? attempt - 1) + 1
            }
            if await !rest(pause.next(), id) { return .handBack }
        }
        return .handBack
    }

    private func attempt(
        _ number: Int, _ handler: @escaping EventHandler, _ event: CloudEvent, _ data: [UInt8]
    ) async -> Failure? {
        let context = EventContext(event, attempt: number, inbox: InboxQueue(queue: name))
        let deadline = Deadline.after(queue.timeout)
        let fields = event.traceparent.map { [WireCall.ContextField(name: "traceparent", value: $0)] } ?? []
        let task = Task(executorPreference: io) {
            try await Deadline.$current.withValue(deadline) {
                try await withSpan(event.type.rawValue, context: TraceCarrier.context(of: fields), ofKind: .consumer) { _ in
                    try await handler(data, context)
                }
            }
        }
        let timer = io.schedule(after: queue.timeout) { task.cancel() }
        defer { io.cancel(timer) }
        let result = await withTaskCancellationHandler {
            await task.result
        } onCancel: {
            task.cancel()
        }
        if case .failure(let error) = result { return Failure(error, isStopping: Task.isCancelled) }
        return nil
    }

    /// Whether to go on; `false` when stopping.
    private func rest(_ duration: Duration, _ id: UInt64) async -> Bool {
        if isStopping { return false }
        resting.insert(id)
        defer { resting.remove(id) }
        return (try? await Task.sleep(for: duration)) != nil
    }

    private func about(_ event: CloudEvent, _ reason: String) -> Logger.Metadata {
        ["event": "\(event.id)", "type": "\(event.type)", "reason": "\(reason)"]
    }

    // MARK: Dead letters

    /// Sends an event to the dead letters, however long that takes; then it is done here.
    private func bury(_ delivery: AMQPDelivery, _ event: CloudEvent?, reason: String, _ id: UInt64) async -> Fate {
        dead.increment()
        logger.error(
            "an event goes to the dead letters",
            metadata: ["event": "\(event?.id.description ?? delivery.properties.messageID ?? "-")", "reason": "\(reason)"])
        let letter = DeadLetter.message(delivery, queue: name, service: service, reason: reason)
        var (pause, isPublished) = (Pause(), false)
        while true {
            do {
                if !isPublished { try await facts.publish(letter) }
                isPublished = true
                if let event { try await queue.inbox.forgetFailures(event.id, queue: name) }
                return .done
            } catch {
                logger.warning("the dead letters cannot be reached", metadata: ["error": "\(error)"])
            }
            if await !rest(pause.next(), id) { return .handBack }
        }
    }
}

/// Why an attempt did not succeed.
private enum Failure {
    /// No number of attempts will help.
    case malformed(String)
    /// Something it needs is away: not the event's fault.
    case dependency(String)
    case failed(String)
    case stopped

    init(_ error: any Error, isStopping: Bool) {
        switch error {
        case let error as CloudEvent.Malformed: self = .malformed(error.reason)
        case _ where isStopping: self = .stopped
        case is CancellationError: self = .failed("it was not done in time")
        case let error as ServiceError where error.code == .unavailable: self = .dependency(error.message)
        case let error as PostgresError where error.isUnavailable: self = .dependency("\(error)")
        case let error as ServiceError: self = .failed("\(error.code.rawValue): \(error.message)")
        default: self = .failed(String(String(describing: error).prefix(500)))
        }
    }
}

/// 0.1 s, then twice as long each time, up to 5 s; each shortened by up to a half.
private struct Pause {
    private var milliseconds = 100.0

    mutating func next() -> Duration {
        defer { milliseconds = min(5_000, milliseconds * 2) }
        return .milliseconds(milliseconds * Double.random(in: 0.5...1))
    }
}
