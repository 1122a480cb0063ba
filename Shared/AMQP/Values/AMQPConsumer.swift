/// Takes what one queue has, for as long as the channel is wanted: after a lost connection, a lost channel or a cancel by the broker the queue is
/// declared again and consumption goes on.
///
/// The callbacks run on the I/O thread, in the turn that read the message; they must not block and may call the channel.
package struct AMQPConsumer: Sendable {
    package var queue: AMQPQueue
    package var bindings: [AMQPBinding]
    /// How many deliveries may be unacknowledged, 1...65,535: the back-pressure. Without meaning for `noAck`.
    package var prefetch: UInt16
    /// The broker forgets a message as it sends it.
    package var noAck: Bool
    /// Refuse other consumers on this queue.
    package var exclusive: Bool
    package var onDelivery: @Sendable (AMQPDelivery) -> Void
    /// The broker has accepted the consumer; the number grows with every (re)start.
    package var onStart: (@Sendable (UInt32) -> Void)?
    /// Nothing is delivered until ``onStart``; tags of before are worthless unless the queue alone was lost.
    package var onLost: (@Sendable (AMQPError) -> Void)?

    package init(
        queue: AMQPQueue, bindings: [AMQPBinding] = [], prefetch: UInt16 = 256, noAck: Bool = false, exclusive: Bool = false,
        onStart: (@Sendable (UInt32) -> Void)? = nil, onLost: (@Sendable (AMQPError) -> Void)? = nil,
        onDelivery: @escaping @Sendable (AMQPDelivery) -> Void
    ) {
        self.queue = queue
        self.bindings = bindings
        self.prefetch = prefetch
        self.noAck = noAck
        self.exclusive = exclusive
        self.onStart = onStart
        self.onLost = onLost
        self.onDelivery = onDelivery
    }
}

/// Names a consumer of a channel.
package struct AMQPConsumerID: Hashable, Sendable {
    let index: Int
}

/// What a connection tells its observers.
package enum AMQPStatus: Sendable {
    /// Logged in; the channels are being opened. `generation` grows with every connection.
    case connected(generation: UInt32)
    case disconnected(AMQPError)
    /// The broker asks us not to publish, with its reason.
    case blocked(String)
    case unblocked
}
