import AMQP
import Contracts
import Logging
import Metrics
import Postgres
import Reactor
import Tracing

/// Handles the events of one work queue.
actor WorkConsumer: BusComponent {
    /// The wait before the next attempt.
    private static let retryWaits = Duration.milliseconds(100)...(.seconds(5))

    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    private nonisolated let io: IOThread
    private let queue: WorkQueue
    private let name: String
    private let service: ServiceName
    private let publisher: EventPublisher
    private let logger: Logger
    private var channel: AMQPChannel?
    /// The events in progress, by number.
    private var inProgress: [UInt64: Task<Void, Never>] = [:]
    /// The events that wait for their next attempt.
    private var waiting: Set<UInt64> = []
    private var lastDelivery: UInt64 = 0
    private var isStopping = false
    private var idle: CheckedContinuation<Void, Never>?
    private let handled: Counter
    private let failed: Counter
    private let dead: Counter

    init(_ queue: WorkQueue, of service: ServiceName, publisher: EventPublisher, on io: IOThread, logger: Logger) {
        self.queue = queue
        self.service = service
        self.publisher = publisher
        self.io = io
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
            // Bound to its own name on the exchange of dead letters, so that a replayed event arrives here
            // only.
            bindings: types.map { AMQPBinding(exchange: Exchange.events, routingKey: $0) }
                + [AMQPBinding(exchange: Exchange.dead, routingKey: name)],
            prefetch: max(1, queue.atOnce)
        ) { [weak self] delivery in self?.assumeIsolated { $0.received(delivery) } }
        channel = await connection.openChannel(
            AMQPChannelSetup(
                name: name, confirmWindow: nil, declarations: Queues.deadLetters(of: service), consumers: [consumer]))
        removeExpired()
    }

    /// Removes expired entries from the inbox, at the start and every hour.
    private func removeExpired() {
        if isStopping { return }
        Task(executorPreference: io) { [inbox = queue.inbox] in
            while let mayHaveMore = try? await inbox.removeExpired(), mayHaveMore {}
        }
        io.schedule(after: .seconds(3_600)) { [weak self] in self?.assumeIsolated { $0.removeExpired() } }
    }

    var isReady: Bool { channel?.isOpen == true }

    func opened() async throws(AMQPError) { try await channel?.opened() }

    /// Requeues the events that wait for an attempt, and returns when the others are done or `limit` has
    /// passed.
    func drain(atMost limit: Duration) async {
        isStopping = true
        await channel?.stopConsuming()
        for id in waiting { inProgress[id]?.cancel() }
        let timer = io.schedule(after: limit) { [weak self] in self?.assumeIsolated { $0.abandon() } }
        await withCheckedContinuation { waiter in
            if inProgress.isEmpty { waiter.resume() } else { idle = waiter }
        }
        io.cancel(timer)
    }

    private func abandon() {
        logger.warning("events were cancelled by the stop", metadata: ["count": "\(inProgress.count)"])
        for task in inProgress.values { task.cancel() }
        resumeIdle()
    }

    private func resumeIdle() {
        idle.take()?.resume()
    }

    // MARK: One event

    private func received(_ delivery: AMQPDelivery) {
        lastDelivery += 1
        let id = lastDelivery
        inProgress[id] = Task(executorPreference: io) {
            let outcome = await self.handle(delivery, id)
            self.finished(id, delivery, outcome: outcome)
        }
    }

    private enum Outcome { case done, requeue }

    private nonisolated func finished(_ id: UInt64, _ delivery: AMQPDelivery, outcome: Outcome) {
        assumeIsolated { consumer in
            consumer.inProgress[id] = nil
            switch outcome {
            case .done: consumer.channel?.acknowledge(delivery.tag)
            case .requeue: consumer.channel?.reject(delivery.tag, requeue: true)
            }
            if consumer.inProgress.isEmpty { consumer.resumeIdle() }
        }
    }

    private func handle(_ delivery: AMQPDelivery, _ id: UInt64) async -> Outcome {
        let event: CloudEvent
        do { event = try CloudEvent(delivery) } catch {
            let reason = (error as? CloudEvent.Malformed)?.reason ?? "\(error)"
            return await moveToDeadLetters(delivery, event: nil, reason: reason, id: id)
        }
        let sender = delivery.properties.userID
        guard event.isAuthorized(sender: sender, consumer: service) else {
            let reason = "published by \(sender ?? "an unknown sender"), which does not own the type"
            return await moveToDeadLetters(delivery, event: event, reason: reason, id: id)
        }
        // A binding of an earlier release may still exist.
        guard let handler = queue.handlers[event.type] else { return .done }
        var (attempt, backoff) = (1, Backoff(Self.retryWaits))
        while !Task.isCancelled {
            let failure = await self.attempt(event, number: attempt, data: delivery.body, with: handler)
            switch failure {
            case nil:
                handled.increment()
                return .done
            case .malformed(let reason): return await moveToDeadLetters(delivery, event: event, reason: reason, id: id)
            case .stopped: return .requeue
            case .dependency(let reason): logger.warning("an event waits for a dependency", metadata: metadata(of: event, reason))
            case .failed(let reason):
                failed.increment()
                logger.warning("an event failed", metadata: metadata(of: event, reason))
                let count = try? await queue.inbox.failed(event.id, queue: name, reason: reason)
                if let count, count >= WorkQueue.failuresAllowed {
                    return await moveToDeadLetters(delivery, event: event, reason: reason, id: id)
                }
                attempt = (count ?? attempt - 1) + 1
            }
            if await !wait(for: backoff.next(), id) { return .requeue }
        }
        return .requeue
    }

    private func attempt(
        _ event: CloudEvent, number: Int, data: [UInt8], with handler: @escaping EventHandler
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

    /// Waits before the next attempt.
    ///
    /// - Returns: `false` when the consumer stops.
    private func wait(for duration: Duration, _ id: UInt64) async -> Bool {
        if isStopping { return false }
        waiting.insert(id)
        defer { waiting.remove(id) }
        return (try? await Task.sleep(for: duration)) != nil
    }

    private func metadata(of event: CloudEvent, _ reason: String) -> Logger.Metadata {
        ["event": "\(event.id)", "type": "\(event.type)", "reason": "\(reason)"]
    }

    // MARK: Dead letters

    /// Moves an event to the dead letters. Retries until that succeeds or the consumer stops.
    private func moveToDeadLetters(
        _ delivery: AMQPDelivery, event: CloudEvent?, reason: String, id: UInt64
    ) async -> Outcome {
        dead.increment()
        logger.error(
            "an event became a dead letter",
            metadata: ["event": "\(event?.id.description ?? delivery.properties.messageID ?? "-")", "reason": "\(reason)"])
        let letter = DeadLetter.message(delivery, queue: name, service: service, reason: reason)
        var (backoff, isPublished) = (Backoff(Self.retryWaits), false)
        while true {
            do {
                if !isPublished { try await publisher.publish(letter) }
                isPublished = true
                if let event { try await queue.inbox.resetFailures(event.id, queue: name) }
                return .done
            } catch {
                logger.warning("a dead letter was not stored", metadata: ["error": "\(error)"])
            }
            if await !wait(for: backoff.next(), id) { return .requeue }
        }
    }
}

/// The reason why an attempt did not succeed.
private enum Failure {
    /// Another attempt cannot succeed.
    case malformed(String)
    /// A dependency is away, which does not count as a failure of the event.
    case dependency(String)
    case failed(String)
    case stopped

    init(_ error: any Error, isStopping: Bool) {
        switch error {
        case let error as CloudEvent.Malformed: self = .malformed(error.reason)
        case _ where isStopping: self = .stopped
        case is CancellationError: self = .failed("it did not finish in time")
        case let error as ServiceError where error.code == .unavailable: self = .dependency(error.message)
        case let error as PostgresError where error.isUnavailable: self = .dependency("\(error)")
        case let error as ServiceError: self = .failed("\(error.code.rawValue): \(error.message)")
        default: self = .failed(String(String(describing: error).prefix(500)))
        }
    }
}
