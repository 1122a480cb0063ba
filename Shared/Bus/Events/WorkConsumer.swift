import AMQP
import Contracts
import Logging
import Metrics
import Postgres
import Reactor
import Tracing

/// Works a queue off: a task for each event, as many at once as the queue says.
final class WorkConsumer: Sendable {
    static let failuresAtMost = 5
    private static let longestPause = Duration.seconds(5)

    private let queue: WorkQueue
    private let name: String
    private let service: ServiceName
    private let io: IOThread
    private let logger: Logger
    private let deliveries: AsyncStream<AMQPDelivery>
    private let deliver: AsyncStream<AMQPDelivery>.Continuation
    private let handled: Counter
    private let failed: Counter
    private let buried: Counter

    init(_ queue: WorkQueue, of service: ServiceName, on io: IOThread, logger: Logger) {
        (self.queue, self.service, self.io, self.logger) = (queue, service, io, logger)
        name = "\(service).work.\(queue.purpose)"
        // Bounded by the prefetch: the broker sends no more than may be unacknowledged.
        (deliveries, deliver) = AsyncStream.makeStream(of: AMQPDelivery.self)
        let dimensions = [("queue", name)]
        handled = Counter(label: "martlet_events_handled", dimensions: dimensions)
        failed = Counter(label: "martlet_events_failed", dimensions: dimensions)
        buried = Counter(label: "martlet_events_dead", dimensions: dimensions)
    }

    var channel: AMQPChannelSetup {
        AMQPChannelSetup(
            name: name,
            declarations: DeadLetterQueue.declarations(of: service) + [.queue(workQueue)]
                + bindings.map { .bind(queue: name, $0) },
            consumers: [AMQPConsumer(queue: workQueue, prefetch: queue.atOnce) { [deliver] in deliver.yield($0) }])
    }

    private var workQueue: AMQPQueue {
        AMQPQueue(
            name,
            arguments: [
                "x-queue-type": "quorum", "x-max-length": 1_000_000, "x-overflow": "reject-publish", "x-delivery-limit": 50,
                "x-dead-letter-exchange": .string(Exchange.dead), "x-dead-letter-routing-key": .string(service.rawValue),
                "x-dead-letter-strategy": "at-least-once",
            ])
    }

    /// The events it handles, and its own name, by which a dead letter comes back to it alone.
    private var bindings: [AMQPBinding] {
        queue.handlers.keys.sorted().map { AMQPBinding(exchange: Exchange.events, routingKey: $0) }
            + [AMQPBinding(exchange: Exchange.dead, routingKey: name)]
    }

    /// Works until ``stop()``, then finishes what it has in hand.
    func run(_ channel: AMQPChannel) async {
        await withDiscardingTaskGroup { group in
            for await delivery in deliveries {
                group.addTask(executorPreference: io) { await self.handle(delivery, on: channel) }
            }
        }
    }

    func stop() { deliver.finish() }

    /// On the I/O thread, which the task prefers.
    private func handle(_ delivery: AMQPDelivery, on channel: AMQPChannel) async {
        do {
            let attributes = try EventMessage.attributes(of: delivery)
            guard let handler = queue.handlers[attributes.type] else { return channel.acknowledge(delivery.tag) }
            try await work(handler, delivery, attributes, on: channel)
        } catch let bad as BadEvent {
            await bury(delivery, bad.reason, on: channel)
        } catch {
            // Cancelled: the broker gives it to somebody else.
            channel.reject(delivery.tag, requeue: true)
        }
    }

    /// Tries until it is done, dead or cancelled. It is kept in hand between tries, so that a dependency's outage does not use up the queue's delivery limit.
    private func work(
        _ handler: WorkQueue.Handler, _ delivery: AMQPDelivery, _ attributes: EventMessage.Attributes, on channel: AMQPChannel
    ) async throws {
        var (attempt, pause) = (1, Duration.milliseconds(100))
        while true {
            let context = EventContext(
                id: attributes.id, type: attributes.type, source: attributes.source, time: attributes.time, attempt: attempt,
                inbox: InboxQueue(queue: name))
            do {
                try await traced(attributes) { try await handler(delivery.body, context) }
                handled.increment()
                return channel.acknowledge(delivery.tag)
            } catch let error where !(error is BadEvent) && !Task.isCancelled {
                failed.increment()
                logger.warning(
                    "an event was not handled", metadata: ["queue": "\(name)", "event": "\(attributes.id)", "error": "\(error)"])
                if let failures = await countedFailures(attributes.id, error) {
                    if failures >= Self.failuresAtMost { return await bury(delivery, "\(error)", on: channel) }
                    attempt = failures + 1
                }
            }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, Self.longestPause)
        }
    }

    /// - Returns: `nil` when it does not count: something it needs is away.
    private func countedFailures(_ id: EventID, _ error: any Error) async -> Int? {
        if let error = error as? ServiceError, error.code == .unavailable { return nil }
        if let error = error as? PostgresError, error.isUnavailable { return nil }
        return try? await queue.inbox.countFailure(of: id, in: name, reason: String("\(error)".prefix(500)))
    }

    private func traced(_ attributes: EventMessage.Attributes, _ body: () async throws -> Void) async throws {
        let fields = attributes.trace.map { [WireCall.ContextField(name: "traceparent", value: $0)] } ?? []
        try await withSpan(attributes.type, context: TraceCarrier.context(of: fields), ofKind: .consumer) { _ in try await body()
        }
    }

    /// Sends it to the dead letters with the reason; only when the broker has it there is it taken from here.
    private func bury(_ delivery: AMQPDelivery, _ reason: String, on channel: AMQPChannel) async {
        logger.error(
            "an event goes to the dead letters",
            metadata: ["queue": "\(name)", "event": "\(delivery.routingKey)", "reason": "\(reason)"])
        do {
            try await channel.publish(DeadLetterQueue.letter(delivery, from: name, of: service, reason: reason))
            buried.increment()
            if let id = try? EventMessage.attributes(of: delivery).id { try? await queue.inbox.forget(id, in: name) }
            channel.acknowledge(delivery.tag)
        } catch {
            channel.reject(delivery.tag, requeue: true)
        }
    }
}
