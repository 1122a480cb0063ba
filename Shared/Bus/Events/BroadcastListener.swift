import AMQP
import Contracts
import Logging

/// Hands the events of a feed to its handlers, in the turn in which they arrive.
struct BroadcastListener: Sendable {
    let feed: Broadcast
    let queue: String
    let logger: Logger

    /// Exclusive: the queue is gone with the connection, and a loss is always noticed.
    var consumer: AMQPConsumer {
        let bindings = feed.handlers.keys.sorted().map { AMQPBinding(exchange: Exchange.events, routingKey: $0) }
        return AMQPConsumer(
            queue: AMQPQueue(queue, durable: false, exclusive: true, autoDelete: true), bindings: bindings, prefetch: 0,
            noAck: true,
            onStart: { _ in feed.started() }, onLost: { _ in feed.lost() }, onDelivery: received)
    }

    @Sendable private func received(_ delivery: AMQPDelivery) {
        do {
            let attributes = try EventMessage.attributes(of: delivery)
            let context = EventContext(
                id: attributes.id, type: attributes.type, source: attributes.source, time: attributes.time, attempt: 1,
                inbox: InboxQueue(queue: queue))
            try feed.handlers[attributes.type]?(delivery.body, context)
        } catch {
            // What it told is missed: as good as a feed that was lost and is there again.
            logger.warning(
                "a broadcast event cannot be read", metadata: ["event": "\(delivery.routingKey)", "error": "\(error)"])
            feed.lost()
            feed.started()
        }
    }
}
