/// A channel of an ``AMQPConnection``. The handle stays valid across reconnects.
package struct AMQPChannel: Sendable {
    package let connection: AMQPConnection
    let number: UInt16
    let serial: UInt32

    // MARK: Only on the I/O thread; traps elsewhere

    /// Whether the topology is declared and every consumer is active.
    package var isOpen: Bool { connection.assumeIsolated { $0.core(self)?.phase == .open } }

    /// Adds a message to this turn's output.
    ///
    /// - Parameter onOutcome: called once, on the I/O thread, with the broker's answer or when none can come.
    ///   Needs confirms.
    /// - Throws: `notConnected`, `blocked`, `full` or `invalid`. Nothing was sent then, and `onOutcome` is
    ///   not called.
    package func send(_ message: AMQPMessage, onOutcome: (@Sendable (AMQPOutcome) -> Void)? = nil) throws(AMQPError) {
        let error = connection.assumeIsolated { $0.send(message, through: self, onOutcome: onOutcome) }
        if let error { throw error }
    }

    /// Writes this turn's output now, so that the receiver can start before the turn ends.
    package func flush() { connection.assumeIsolated { $0.writeNow() } }

    /// Acknowledges a delivery at the end of the turn, batched where possible. Tags of a lost channel are
    /// ignored.
    package func acknowledge(_ tag: AMQPDeliveryTag) { connection.assumeIsolated { $0.acknowledge(tag, on: self) } }

    /// Rejects a delivery. Without `requeue` the message goes to the queue's dead-letter exchange, if any.
    package func reject(_ tag: AMQPDeliveryTag, requeue: Bool) {
        connection.assumeIsolated { $0.reject(tag, requeue: requeue, on: self) }
    }

    // MARK: From any thread

    /// Publishes one message and returns after the broker's confirm. Waits for room in the window and in the
    /// output buffer.
    ///
    /// Cancellation stops the wait. It does not recall a message that was sent.
    ///
    /// - Throws: `unroutable`, `rejected`, `notConnected`, `blocked`, `full` (65,536 already wait), `invalid`
    ///   or `cancelled`. After `unconfirmed` and `channelClosed` the broker may have the message.
    package func publish(_ message: AMQPMessage) async throws(AMQPError) {
        if let error = await connection.publish(message, through: self) { throw error }
    }

    /// Adds a consumer permanently. It starts now, or with the channel.
    @discardableResult
    package func consume(_ consumer: AMQPConsumer) async -> AMQPConsumerID { await connection.consume(consumer, on: self) }

    /// Changes the bindings of a consumer's queue permanently. Returns when the broker has applied the
    /// change.
    ///
    /// - Throws: `notConnected` or `channelClosed`. The change then applies when the consumer starts next.
    package func rebind(
        _ consumer: AMQPConsumerID, adding added: [AMQPBinding] = [], removing removed: [AMQPBinding] = []
    ) async throws(AMQPError) {
        if let error = await connection.rebind(consumer, adding: added, removing: removed, on: self) { throw error }
    }

    /// Stops a consumer permanently. Returns when no more deliveries can come. Earlier ones can still be
    /// acknowledged.
    package func cancel(_ consumer: AMQPConsumerID) async { await connection.cancel(consumer, on: self) }

    /// Stops all consumers, for a service that drains its work.
    package func stopConsuming() async { await connection.stopConsuming(on: self) }

    /// Returns when the channel is open.
    ///
    /// - Throws: `cancelled`; `notConnected` when the channel or the connection was stopped permanently.
    package func opened() async throws(AMQPError) {
        if let error = await connection.waitUntilOpen(self) { throw error }
    }

    /// Closes the channel permanently. The outcome of unconfirmed messages is `lost`.
    package func close() async { await connection.close(self) }
}
