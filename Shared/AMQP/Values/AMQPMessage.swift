/// A message to publish.
package struct AMQPMessage: Sendable {
    /// At most 255 bytes, like the routing key.
    package var exchange: String
    package var routingKey: String
    /// Returns the message if no queue matches, instead of dropping it.
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

/// A message delivered from a queue.
package struct AMQPDelivery: Sendable {
    package let exchange: String
    package let routingKey: String
    package let properties: AMQPProperties
    package let body: [UInt8]
    /// Identifies the delivery when it is acknowledged, on the same channel.
    package let tag: AMQPDeliveryTag
    /// Whether the message was delivered before; it may have been processed.
    package let redelivered: Bool
}

/// Identifies a delivery on its channel. Void once the channel was lost: the broker delivers the message
/// again.
package struct AMQPDeliveryTag: Hashable, Sendable {
    let epoch: UInt32
    let value: UInt64
}

/// A mandatory message that matched no queue.
package struct AMQPReturn: Sendable {
    package let code: UInt16
    package let text: String
    package let exchange: String
    package let routingKey: String
    package let properties: AMQPProperties
}

/// The outcome of a published message.
package enum AMQPOutcome: Sendable {
    /// The broker has accepted responsibility for the message.
    case confirmed
    /// No queue matched (mandatory messages only).
    case returned(AMQPReturn)
    /// The broker rejected the message: a queue is full, or could not store it.
    case rejected
    /// The channel or connection was lost before the answer; the broker may have the message.
    case lost(AMQPError)
}

/// The properties of a message. Texts are at most 255 bytes of UTF-8.
package struct AMQPProperties: Hashable, Sendable {
    package enum DeliveryMode: UInt8, Sendable { case transient = 1, persistent = 2 }

    package var contentType: String?
    package var contentEncoding: String?
    package var headers = AMQPTable()
    package var deliveryMode = DeliveryMode.transient
    package var priority: UInt8?
    package var correlationID: String?
    package var replyTo: String?
    /// Milliseconds until the broker may drop it, counted in each queue.
    package var expiration: Int64?
    package var messageID: String?
    /// Seconds since the Unix epoch.
    package var timestamp: UInt64?
    package var type: String?
    /// The publisher. The broker rejects a user other than the connection's, so receivers can trust it.
    package var userID: String?
    package var appID: String?

    package init() {}
}
