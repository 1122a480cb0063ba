import CRabbitMQ
import Reactor

/// Administrative operations for commands and tests, on a blocking connection that lives for one
/// ``run(_:_:)``.
package final class AMQPAdmin {
    /// The content of a queue when the broker answered.
    package struct QueueStatus: Hashable, Sendable {
        package var messages: Int
        package var consumers: Int
    }

    private let session: BlockingSession
    /// The number of messages published; 0 before the channel is in confirm mode.
    private var published: UInt64 = 0

    private init(_ session: BlockingSession) { self.session = session }

    /// Connects, runs `body` on a thread that may block, and disconnects. Unacknowledged messages return to
    /// their queue.
    ///
    /// - Throws: ``AMQPError``, or the error of `body`. After an error of the broker the session is unusable.
    package static func run<Success: Sendable>(
        _ endpoint: AMQPEndpoint, _ body: @escaping @Sendable (AMQPAdmin) throws -> Success
    ) async throws -> Success {
        try await Blocking.run {
            let session = try BlockingSession(endpoint)
            let result = try body(AMQPAdmin(session))
            session.close()
            return result
        }
    }

    package func declare(_ declaration: AMQPDeclaration) throws(AMQPError) {
        switch declaration {
        case .exchange(let exchange): try session.ask(.exchangeDeclareOk) { $0.declare(exchange, channel: 1) }
        case .queue(let queue): try session.ask(.queueDeclareOk) { $0.declare(queue, channel: 1) }
        case .bind(let queue, let binding): try session.ask(.queueBindOk) { $0.bind(queue: queue, to: binding, channel: 1) }
        }
    }

    /// Returns the numbers of messages and consumers.
    ///
    /// - Throws: `refused` with code 404 when the queue does not exist.
    package func status(ofQueue name: String) throws(AMQPError) -> QueueStatus {
        try session.send { $0.declare(AMQPQueue(name, passive: true), channel: 1) }
        return try session.answer(.queueDeclareOk) { decoded in
            let reply = decoded.assumingMemoryBound(to: amqp_queue_declare_ok_t.self).pointee
            return QueueStatus(messages: Int(reply.message_count), consumers: Int(reply.consumer_count))
        }
    }

    /// Deletes a queue and returns the number of messages it contained.
    @discardableResult
    package func deleteQueue(_ name: String) throws(AMQPError) -> Int {
        try session.send { $0.named(.queueDelete, name, channel: 1) }
        return try session.answer(.queueDeleteOk) {
            Int($0.assumingMemoryBound(to: amqp_queue_delete_ok_t.self).pointee.message_count)
        }
    }

    @discardableResult
    package func purgeQueue(_ name: String) throws(AMQPError) -> Int {
        try session.send { $0.named(.queuePurge, name, channel: 1) }
        return try session.answer(.queuePurgeOk) {
            Int($0.assumingMemoryBound(to: amqp_queue_purge_ok_t.self).pointee.message_count)
        }
    }

    package func deleteExchange(_ name: String) throws(AMQPError) {
        try session.ask(.exchangeDeleteOk) { $0.named(.exchangeDelete, name, channel: 1) }
    }

    // MARK: Messages

    /// Gets the next message, unacknowledged; `nil` when the queue is empty.
    package func get(fromQueue name: String) throws(AMQPError) -> AMQPDelivery? {
        try session.send { $0.named(.basicGet, name, channel: 1) }
        return try session.message().map { message throws(AMQPError) in
            guard case .delivery(_, let tag, let redelivered, let exchange, let routingKey) = message.origin else {
                throw .notConnected("the broker sent a message that was not requested")
            }
            return AMQPDelivery(
                exchange: exchange, routingKey: routingKey, properties: message.properties, body: message.body,
                tag: AMQPDeliveryTag(epoch: 0, value: tag), redelivered: redelivered)
        }
    }

    package func acknowledge(_ tag: AMQPDeliveryTag) throws(AMQPError) {
        try session.send { $0.ack(tag.value, multiple: false, channel: 1) }
    }

    package func reject(_ tag: AMQPDeliveryTag, requeue: Bool) throws(AMQPError) {
        try session.send { $0.reject(tag.value, requeue: requeue, channel: 1) }
    }

    /// Publishes a message and waits for the broker's confirm.
    ///
    /// - Throws: `unroutable`, `rejected`, `invalid`, or the reason why no confirm can come.
    package func publish(_ message: AMQPMessage) throws(AMQPError) {
        if published == 0 { try session.ask(.confirmSelectOk) { $0.confirmSelect(1) } }
        if let violation = message.violation(maxBody: session.maxBody) { throw .invalid(violation) }
        let frameMax = session.frameMax
        var fits = false
        try session.send { fits = $0.publish(message, number: nil, channel: 1, frameMax: frameMax) }
        guard fits else { throw .invalid("the headers do not fit into one frame") }
        published += 1
        try session.confirmation()
    }
}
