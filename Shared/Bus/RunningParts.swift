import AMQP
import Contracts
import Logging
import Reactor

/// Everything of a bus that takes messages in.
struct RunningParts {
    private var server: CallServer?
    private var workers: [WorkConsumer] = []
    private var feeds: [BroadcastConsumer] = []
    private var deliveries: DeliveryConsumer?

    init() {}

    init(_ registered: Bus.Registered, _ bus: Bus) {
        let (configuration, io, logger) = (bus.configuration, bus.io, bus.logger)
        if !registered.procedures.isEmpty {
            server = CallServer(registered.procedures, configuration, on: io, logger: logger)
        }
        workers = registered.queues.map {
            WorkConsumer($0, configuration.service, facts: bus.facts, on: io, logger: logger)
        }
        feeds = registered.feeds.enumerated().map {
            BroadcastConsumer($0.element, configuration, number: $0.offset + 1, on: io, logger: logger)
        }
        deliveries = registered.deliveryFeed.map { DeliveryConsumer($0, configuration, on: io, logger: logger) }
    }

    func open(calls: AMQPConnection, events: AMQPConnection, live: AMQPConnection?) async {
        await server?.open(on: calls)
        for worker in workers { await worker.open(on: events) }
        for feed in feeds { await feed.open(on: events) }
        if let live { await deliveries?.open(on: live) }
    }

    func opened() async throws {
        try await server?.opened()
        for worker in workers { try await worker.opened() }
        for feed in feeds { try await feed.opened() }
        try await deliveries?.opened()
    }

    var areReady: Bool {
        get async {
            if let server, await !server.isReady { return false }
            for worker in workers where await !worker.isReady { return false }
            for feed in feeds where await !feed.isReady { return false }
            return await deliveries?.isReady ?? true
        }
    }

    func drain(atMost limit: Duration) async {
        await withDiscardingTaskGroup { group in
            if let server { group.addTask { await server.drain(atMost: limit) } }
            for worker in workers { group.addTask { await worker.drain(atMost: limit) } }
        }
    }
}
