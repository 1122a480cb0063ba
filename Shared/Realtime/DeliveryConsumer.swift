import AMQP
import Bus
import CBOR
import Contracts
import Logging
import Metrics
import Reactor

/// Receives the deliveries of one feed.
///
/// It consumes two queues of this process: the deliveries, and a notice when the broker dropped some of them
/// because the queue was full. The notice is the oldest dropped message, dead-lettered by the broker. It is
/// acknowledged a second later, so that at most one notice arrives per second.
actor DeliveryConsumer: BusComponent {
    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    private static let noticeInterval = Duration.seconds(1)

    private nonisolated let io: IOThread
    private let feed: DeliveryFeed
    private let queue: AMQPQueue
    private let notices: AMQPQueue
    private let noticeKey: String
    private let logger: Logger
    private var channel: AMQPChannel?
    private var consumer: AMQPConsumerID?
    private let received = Counter(label: "martlet_deliveries_received")
    private let ignored = Counter(label: "martlet_deliveries_ignored")
    private let losses = Counter(label: "martlet_deliveries_dropped_notes")

    init(_ feed: DeliveryFeed, _ configuration: BusConfiguration, on io: IOThread, logger: Logger) {
        self.feed = feed
        self.io = io
        self.logger = logger
        noticeKey = "dropped.\(configuration.instance)"
        let name = "\(configuration.service).delivery.\(configuration.instance)"
        queue = Self.queue(name, maximumBytes: feed.maximumBytes, deadLetterKey: noticeKey)
        // One message is enough to tell that some were dropped.
        notices = AMQPQueue(
            "\(name).dropped", durable: false, exclusive: true, autoDelete: true, arguments: ["x-max-length": 1])
    }

    /// The queue of this process's deliveries, which disappears with the process.
    ///
    /// Beyond `maximumBytes` the broker moves the oldest message to `deadLetterKey`. A queue that rejects
    /// instead would make the publisher repeat the delivery to all instances because one is slow.
    private static func queue(_ name: String, maximumBytes: Int64, deadLetterKey: String) -> AMQPQueue {
        AMQPQueue(
            name, durable: false, exclusive: true, autoDelete: true,
            arguments: [
                "x-max-length-bytes": .integer(maximumBytes),
                "x-dead-letter-exchange": .string(DeliveryMessage.exchange),
                "x-dead-letter-routing-key": .string(deadLetterKey),
            ])
    }

    // MARK: Life

    func open(on connection: AMQPConnection) async {
        let channel = await connection.openChannel(AMQPChannelSetup(name: queue.name, confirmWindow: nil))
        self.channel = channel
        // First, so that no message can be dropped without a notice.
        await channel.consume(
            AMQPConsumer(
                queue: notices, bindings: [AMQPBinding(exchange: DeliveryMessage.exchange, routingKey: noticeKey)], prefetch: 1
            ) { [weak self] notice in self?.assumeIsolated { $0.receivedNotice(notice) } })
        consumer = await channel.consume(
            AMQPConsumer(
                queue: queue,
                bindings: [AMQPBinding(exchange: DeliveryMessage.exchange, routingKey: DeliveryMessage.allInstances)],
                noAck: true,
                onStart: { [feed] _ in feed.onStart() }, onLost: { [feed] _ in feed.onLost() }
            ) { [weak self] message in self?.assumeIsolated { $0.received(message) } })
        await feed.begin(self)
    }

    var isReady: Bool { channel?.isOpen == true }

    func opened() async throws(AMQPError) { try await channel?.opened() }

    func rebind(adding added: PartitionSet, removing removed: PartitionSet) async throws(AMQPError) {
        guard let channel, let consumer else { throw .notConnected("not opened") }
        try await channel.rebind(consumer, adding: added.bindings, removing: removed.bindings)
    }

    // MARK: Messages

    private func received(_ message: AMQPDelivery) {
        guard let sender = message.properties.userID.map(ServiceName.init(rawValue:)), DeliveryFeed.senders.contains(sender)
        else {
            return ignoreForged(message)
        }
        if DeliveryMessage.hasExpired(message) { return ignored.increment() }
        do {
            let delivery = try CBORDecoder.contracts.decode(Delivery.self, from: message.body)
            received.increment()
            feed.onDelivery(delivery, sender)
        } catch {
            ignored.increment()
            logger.error(
                "a delivery could not be decoded", metadata: ["sender": "\(sender)", "error": "\(type(of: error))"])
            reportLoss()
        }
    }

    private func receivedNotice(_ notice: AMQPDelivery) {
        losses.increment()
        logger.warning("the broker dropped deliveries from a full queue", metadata: ["queue": "\(queue.name)"])
        reportLoss()
        io.schedule(after: Self.noticeInterval) { [weak self] in
            self?.assumeIsolated { $0.channel?.acknowledge(notice.tag) }
        }
    }

    /// To the feed a missed delivery is the same as a lost connection that is back.
    private func reportLoss() {
        feed.onLost()
        feed.onStart()
    }

    /// Not a loss: the sender has no right to publish deliveries.
    private func ignoreForged(_ message: AMQPDelivery) {
        ignored.increment()
        logger.warning(
            "a delivery came from an unauthorized sender", metadata: ["sender": "\(message.properties.userID ?? "-")"])
    }
}

extension PartitionSet {
    fileprivate var bindings: [AMQPBinding] {
        members.map { AMQPBinding(exchange: DeliveryMessage.exchange, routingKey: String($0)) }
    }
}
