/// One message to publish.
package struct AMQPMessage: Sendable {
    /// At most 255 bytes, like the routing key.
    package var exchange: String
    package var routingKey: String
    /// Have it returned when no queue takes it, instead of dropped.
    package var mandatory: Bool
    package var properties: AMQPProperties
    package var body: [UInt8]

    package init(
        exchange: String, routingKey: String, mandatory: Bool = false, properties: AMQPProperties = AMQPProperties(),
        body: [UInt8]
    ) {
        self.exchange = exchange
        self.routingKey = routingKey
        self.mandatory = mandatory
        self.properties = properties
        self.body = body
    }
}

/// One message that a queue gave us.
package struct AMQPDelivery: Sendable {
    package let exchange: String
    package let routingKey: String
    package let properties: AMQPProperties
    package let body: [UInt8]
    /// What to acknowledge it by, on the channel it came through.
    package let tag: AMQPDeliveryTag
    /// It was given to someone before; it may have been worked on.
    package let redelivered: Bool
}

/// Names a delivery on its channel. Worthless once the channel was lost: the broker delivers the message again.
package struct AMQPDeliveryTag: Hashable, Sendable {
    let epoch: UInt32
    let value: UInt64
}

/// A mandatory message that no queue took.
package struct AMQPReturn: Sendable {
    package let code: UInt16
    package let text: String
    package let exchange: String
    package let routingKey: String
    package let properties: AMQPProperties
}

/// What became of a message.
package enum AMQPOutcome: Sendable {
    /// The broker has taken responsibility for it.
    case confirmed
    /// No queue took it (mandatory messages only).
    case returned(AMQPReturn)
    /// The broker refused it: a queue is full, or could not store it.
    case rejected
    /// The channel or connection went before the answer; the message may have been taken.
    case lost(AMQPError)
}
