import AMQP
import Contracts
import Logging
import Metrics
import Reactor

/// Hands the events of one feed to its handlers.
actor EventSubscriber: BusComponent {
    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    private nonisolated let io: IOThread
    private let feed: EventSubscription
    private let queue: AMQPQueue
    private let service: ServiceName
    private let logger: Logger
    private var channel: AMQPChannel?
    private let malformed = Counter(label: "martlet_broadcasts_malformed")

    init(_ feed: EventSubscription, _ configuration: BusConfiguration, number: Int, on io: IOThread, logger: Logger) {
        (self.feed, self.io, self.logger, service) = (feed, io, logger, configuration.service)
        queue = Queues.broadcast(configuration.service, configuration.instance, number)
    }

    func open(on connection: AMQPConnection) async {
        let feed = feed
        let consumer = AMQPConsumer(
            queue: queue,
            bindings: feed.bindings, noAck: true,
            onStart: { _ in feed.onStart() }, onLost: { _ in feed.onLost() }
        ) { [weak self] delivery in self?.assumeIsolated { $0.received(delivery) } }
        channel = await connection.openChannel(
            AMQPChannelSetup(name: queue.name, confirmWindow: nil, consumers: [consumer]))
    }

    var isReady: Bool { channel?.isOpen == true }

    func opened() async throws(AMQPError) { try await channel?.opened() }

    private func received(_ delivery: AMQPDelivery) {
        do {
            let event = try CloudEvent(delivery)
            guard event.isTold(by: delivery.properties.userID, to: service) else { return forged(delivery) }
            try feed.handlers[event.type]?(event, delivery.body)
        } catch {
            malformed.increment()
            logger.warning(
                "an event of a feed cannot be read",
                metadata: ["queue": "\(queue.name)", "type": "\(delivery.routingKey)", "error": "\(type(of: error))"])
            // What it told is missed: as good as a feed that was lost and is there again.
            feed.onLost()
            feed.onStart()
        }
    }

    /// Nothing is missed, as nobody told it whose fact it is.
    private func forged(_ delivery: AMQPDelivery) {
        malformed.increment()
        logger.warning(
            "an event of a feed is not its sender's to tell",
            metadata: [
                "queue": "\(queue.name)", "type": "\(delivery.routingKey)", "sender": "\(delivery.properties.userID ?? "-")",
            ])
    }
}
