import CRabbitMQ
import Reactor

/// One-shot operations for commands and tests, on a blocking connection of their own that lives for one ``run(_:_:)``.
package final class AMQPAdmin {
    /// What a queue holds; as old as the answer.
    package struct QueueStatus: Hashable, Sendable {
        package var messages: Int
        package var consumers: Int
    }

    private let session: BlockingSession
    /// How many messages were published; 0 before the channel confirms.
    private var published: UInt64 = 0

    private init(_ session: BlockingSession) { self.session = session }

    /// Connects, lends the session to `body` on a thread that may block, and disconnects: what `body` took and did not acknowledge goes back to its queue.
    ///
    /// - Throws: ``AMQPError``, or what `body` throws. After an error of the broker the session is of no more use.
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

    /// - Throws: `refused` with code 404 when there is no such queue.
    package func status(ofQueue name: String) throws(AMQPError) -> QueueStatus {
        try session.send { $0.declare(AMQPQueue(name, passive: true), channel: 1) }
        return try session.answer(.queueDeclareOk) { decoded in
            let ok = decoded.assumingMemoryBound(to: amqp_queue_declare_ok_t.self).pointee
            return QueueStatus(messages: Int(ok.message_count), consumers: Int(ok.consumer_count))
        }
    }

    /// Returns how many messages went with it.
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

    /// Takes the next message, unacknowledged; `nil` when there is none.
    package func get(fromQueue name: String) throws(AMQPError) -> AMQPDelivery? {
        try session.send { $0.named(.basicGet, name, channel: 1) }
        return try session.message().map { message throws(AMQPError) in
            guard case .delivery(_, let tag, let redelivered, let exchange, let routingKey) = message.origin else {
                throw .notConnected("a message that was not asked for")
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

    /// Publishes and waits for the broker's answer.
    ///
    /// - Throws: `unroutable`, `rejected`, `invalid`, or why the answer cannot come.
    package func publish(_ message: AMQPMessage) throws(AMQPError) {
        if published == 0 { try session.ask(.confirmSelectOk) { $0.confirmSelect(1) } }
        if let objection = message.objection(maxBody: session.maxBody) { throw .invalid(objection) }
        let frameMax = session.frameMax
        var fits = false
        try session.send { fits = $0.publish(message, number: nil, channel: 1, frameMax: frameMax) }
        guard fits else { throw .invalid("the headers do not fit into one frame") }
        published += 1
        try session.confirmation()
    }
}
