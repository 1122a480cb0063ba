/// A consumer of one queue. It restarts, and declares its queue again, after a lost connection or channel or
/// a cancel by the broker.
///
/// The callbacks run on the I/O thread, in the turn that read the message. They must not block and may use
/// the channel.
package struct AMQPConsumer: Sendable {
    package var queue: AMQPQueue
    package var bindings: [AMQPBinding]
    /// The maximum number of unacknowledged deliveries, 1...65,535: the backpressure. Ignored with `noAck`.
    package var prefetch: UInt16
    /// The broker deletes a message when it sends it.
    package var noAck: Bool
    /// Excludes other consumers from the queue.
    package var exclusive: Bool
    package var onDelivery: @Sendable (AMQPDelivery) -> Void
    /// Called when the broker has accepted the consumer. The number increases with every start.
    package var onStart: (@Sendable (UInt32) -> Void)?
    /// Called when deliveries stop until ``onStart``. Earlier tags are void unless only the queue was lost.
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

/// Identifies a consumer of a channel.
package struct AMQPConsumerID: Hashable, Sendable {
    let index: Int
}

/// A state change of a connection.
package enum AMQPStatus: Sendable {
    /// Logged in; the channels are opening. `generation` increases with every connection.
    case connected(generation: UInt32)
    case disconnected(AMQPError)
    /// The broker has blocked publishing, with its reason.
    case blocked(String)
    case unblocked
}
