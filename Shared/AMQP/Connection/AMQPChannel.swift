/// A channel of an ``AMQPConnection``: it stays the same through reconnects.
package struct AMQPChannel: Sendable {
    package let connection: AMQPConnection
    let number: UInt16
    let serial: UInt32

    // MARK: On the I/O thread only; elsewhere they trap

    /// Everything is declared, and every consumer consumes.
    package var isOpen: Bool { connection.assumeIsolated { $0.core(self)?.phase == .open } }

    /// Puts a message into this turn's output.
    ///
    /// - Parameter onOutcome: called once, on the I/O thread, when the broker has answered or can no longer; on channels with confirms only.
    /// - Throws: `notConnected`, `blocked`, `full`, `invalid`; nothing was sent then, and `onOutcome` is not called.
    package func send(_ message: AMQPMessage, onOutcome: (@Sendable (AMQPOutcome) -> Void)? = nil) throws(AMQPError) {
        let error = connection.assumeIsolated { $0.send(message, through: self, onOutcome: onOutcome) }
        if let error { throw error }
    }

    /// Writes what this turn has put into the output now, for those who have something to do with it while we go on.
    package func flush() { connection.assumeIsolated { $0.writeNow() } }

    /// Told to the broker at the turn's end, many at once where possible. Tags of a lost channel are ignored.
    package func acknowledge(_ tag: AMQPDeliveryTag) { connection.assumeIsolated { $0.acknowledge(tag, on: self) } }

    /// Without `requeue` the message goes to the queue's dead letters, if it has any.
    package func reject(_ tag: AMQPDeliveryTag, requeue: Bool) {
        connection.assumeIsolated { $0.reject(tag, requeue: requeue, on: self) }
    }

    // MARK: From anywhere

    /// Publishes one message; returns once the broker has taken responsibility for it. Waits for room in the window and in the output buffer.
    ///
    /// - Throws: `unroutable`, `rejected`, `notConnected`, `blocked`, `full` (65,536 wait already), `invalid`; `unconfirmed` and `channelClosed` when the
    ///   answer cannot come any more: the message may have been taken. `cancelled`: cancelling stops the waiting, not a message that was sent.
    package func publish(_ message: AMQPMessage) async throws(AMQPError) {
        if let error = await connection.publish(message, through: self) { throw error }
    }

    /// Adds a consumer, for good. It starts with the channel, or now.
    @discardableResult
    package func consume(_ consumer: AMQPConsumer) async -> AMQPConsumerID { await connection.consume(consumer, on: self) }

    /// Binds the queue of a consumer to more, or to less, for good; returns once the broker has done it.
    ///
    /// - Throws: `notConnected`, `channelClosed`: not done now, and done before the consumer starts the next time.
    package func rebind(
        _ consumer: AMQPConsumerID, adding added: [AMQPBinding] = [], removing removed: [AMQPBinding] = []
    ) async throws(AMQPError) {
        if let error = await connection.rebind(consumer, adding: added, removing: removed, on: self) { throw error }
    }

    /// Stops a consumer for good; returns once no more deliveries can come. What it has not acknowledged may still be.
    package func cancel(_ consumer: AMQPConsumerID) async { await connection.cancel(consumer, on: self) }

    /// Stops all consumers, as a service does before it finishes what it has in hand.
    package func stopConsuming() async { await connection.stopConsuming(on: self) }

    /// Returns once the channel is open, at once if it is.
    ///
    /// - Throws: `cancelled`; `notConnected` when the channel or the connection was stopped for good.
    package func opened() async throws(AMQPError) {
        if let error = await connection.waitUntilOpen(self) { throw error }
    }

    /// Closes the channel for good. What is unconfirmed is `lost`.
    package func close() async { await connection.close(self) }
}
