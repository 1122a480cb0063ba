import AMQP
import CBOR
import Contracts
import Logging
import Metrics
import Reactor

/// Hands the deliveries of one feed on.
///
/// Two queues of this process: the deliveries, and a note that some of them were dropped because there were too many. The note is the oldest dropped
/// message, sent on by the broker; it is acknowledged a second later, so that there is one such note a second at most.
actor DeliveryConsumer {
    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    private static let noteEvery = Duration.seconds(1)

    private nonisolated let io: IOThread
    private let feed: DeliveryFeed
    private let queue: AMQPQueue
    private let notes: AMQPQueue
    private let notesKey: String
    private let logger: Logger
    private var channel: AMQPChannel?
    private var consumer: AMQPConsumerID?
    private let received = Counter(label: "martlet_deliveries_received")
    private let ignored = Counter(label: "martlet_deliveries_ignored")
    private let losses = Counter(label: "martlet_deliveries_dropped_notes")

    init(_ feed: DeliveryFeed, _ configuration: BusConfiguration, on io: IOThread, logger: Logger) {
        (self.feed, self.io, self.logger) = (feed, io, logger)
        notesKey = "dropped.\(configuration.instance)"
        let name = "\(configuration.service).delivery.\(configuration.instance)"
        queue = Queues.delivery(name, maximumBytes: feed.maximumBytes, droppedTo: notesKey)
        notes = Queues.dropped("\(name).dropped")
    }

    func open(on connection: AMQPConnection) async {
        let channel = await connection.openChannel(AMQPChannelSetup(name: queue.name, confirmWindow: nil))
        self.channel = channel
        // First, so that there is no moment in which what is dropped is not noted.
        await channel.consume(
            AMQPConsumer(
                queue: notes, bindings: [AMQPBinding(exchange: Exchange.delivery, routingKey: notesKey)], prefetch: 1
            ) { [weak self] note in self?.assumeIsolated { $0.dropped(note) } })
        consumer = await channel.consume(
            AMQPConsumer(
                queue: queue,
                bindings: [AMQPBinding(exchange: Exchange.delivery, routingKey: DeliveryMessage.allInstances)], noAck: true,
                onStart: { [feed] _ in feed.onStart() }, onLost: { [feed] _ in feed.onLost() }
            ) { [weak self] delivery in self?.assumeIsolated { $0.received(delivery) } })
        await feed.begin(self)
    }

    var isReady: Bool { channel?.isOpen == true }

    func opened() async throws(AMQPError) { try await channel?.opened() }

    func rebind(adding added: PartitionSet, removing removed: PartitionSet) async throws(AMQPError) {
        guard let channel, let consumer else { throw .notConnected("not opened") }
        try await channel.rebind(consumer, adding: added.bindings, removing: removed.bindings)
    }

    private func received(_ message: AMQPDelivery) {
        guard let sender = message.properties.userID.map(ServiceName.init(rawValue:)), DeliveryFeed.senders.contains(sender)
        else {
            return forged(message)
        }
        if DeliveryMessage.isOver(message) { return ignored.increment() }
        do {
            let delivery = try CBORDecoder.contracts.decode(Delivery.self, from: message.body)
            received.increment()
            feed.onDelivery(delivery, sender)
        } catch {
            ignored.increment()
            logger.error(
                "a delivery cannot be read", metadata: ["sender": "\(sender)", "error": "\(type(of: error))"])
            lost()
        }
    }

    private func dropped(_ note: AMQPDelivery) {
        losses.increment()
        logger.warning("deliveries came faster than they were taken, and some were dropped", metadata: ["queue": "\(queue.name)"])
        lost()
        io.schedule(after: Self.noteEvery) { [weak self] in self?.assumeIsolated { $0.channel?.acknowledge(note.tag) } }
    }

    /// As good as a feed that was lost and is there again.
    private func lost() {
        feed.onLost()
        feed.onStart()
    }

    /// Nothing is missed, as nobody told it whose it is to tell.
    private func forged(_ message: AMQPDelivery) {
        ignored.increment()
        logger.warning("a delivery is not its sender's to tell", metadata: ["sender": "\(message.properties.userID ?? "-")"])
    }
}

extension PartitionSet {
    fileprivate var bindings: [AMQPBinding] {
        members.map { AMQPBinding(exchange: Exchange.delivery, routingKey: String($0)) }
    }
}
