/// A channel of an ``AMQPConnection``: it stays the same through reconnects.
package struct AMQPChannel: Sendable {
    let connection: AMQPConnection

    // MARK: On the I/O thread only; elsewhere they trap

    /// Everything is declared, and every consumer consumes.
    package var isOpen: Bool { false }

    /// Puts a message into this turn's output.
    ///
    /// - Parameter onOutcome: called once, on the I/O thread, when the broker has answered or can no longer; on channels with confirms only.
    /// - Throws: `notConnected`, `blocked`, `full`, `invalid`; nothing was sent then, and `onOutcome` is not called.
    package func send(_ message: AMQPMessage, onOutcome: (@Sendable (AMQPOutcome) -> Void)? = nil) throws(AMQPError) {
        throw .notConnected("")
    }

    /// Told to the broker at the turn's end, many at once where possible. Tags of a lost channel are ignored.
    package func acknowledge(_ tag: AMQPDeliveryTag) {}

    /// Without `requeue` the message goes to the queue's dead letters, if it has any.
    package func reject(_ tag: AMQPDeliveryTag, requeue: Bool) {}

    // MARK: From anywhere

    /// Publishes one message; returns once the broker has taken responsibility for it. Waits for room in the window and in the output buffer.
    ///
    /// - Throws: `unroutable`, `rejected`, `notConnected`, `blocked`, `invalid`; `unconfirmed` and `channelClosed` when the answer cannot come any more:
    ///   the message may have been taken. `cancelled`: cancelling stops the waiting, not a message that was sent.
    package func publish(_ message: AMQPMessage) async throws(AMQPError) { throw .notConnected("") }

    /// Adds a consumer, for good. It starts with the channel, or now.
    @discardableResult
    package func consume(_ consumer: AMQPConsumer) async -> AMQPConsumerID { AMQPConsumerID(index: 0) }

    /// Stops a consumer for good; returns once no more deliveries can come. What it has not acknowledged may still be.
    package func cancel(_ consumer: AMQPConsumerID) async {}

    /// Stops all consumers, as a service does before it finishes what it has in hand.
    package func stopConsuming() async {}

    /// Returns once the channel is open, at once if it is.
    ///
    /// - Throws: `cancelled`; `notConnected` when the connection has stopped for good.
    package func opened() async throws(AMQPError) {}

    /// Closes the channel for good. What is unconfirmed is `lost`.
    package func close() async {}
}
