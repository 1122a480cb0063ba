import Reactor

/// One-shot operations for commands and tests, on a blocking connection of their own that lives for one ``run(_:_:)``.
package struct AMQPAdmin: ~Copyable {
    /// What a queue holds; as old as the answer.
    package struct QueueStatus: Hashable, Sendable {
        package var messages: Int
        package var consumers: Int
    }

    /// Connects, lends the session to `body` on a thread that may block, and disconnects: what `body` took and did not acknowledge goes back to its queue.
    ///
    /// - Throws: ``AMQPError``, or what `body` throws. After `refused` the session is of no more use.
    package static func run<Success: Sendable>(
        _ endpoint: AMQPEndpoint, _ body: @escaping @Sendable (borrowing AMQPAdmin) throws -> Success
    ) async throws -> Success { throw AMQPError.notConnected("") }

    package func declare(_ declaration: AMQPDeclaration) throws(AMQPError) {}
    /// - Throws: `refused` with code 404 when there is no such queue.
    package func status(ofQueue name: String) throws(AMQPError) -> QueueStatus { throw .notConnected("") }
    /// Returns how many messages went with it.
    @discardableResult
    package func deleteQueue(_ name: String) throws(AMQPError) -> Int { 0 }
    package func deleteExchange(_ name: String) throws(AMQPError) {}
    @discardableResult
    package func purgeQueue(_ name: String) throws(AMQPError) -> Int { 0 }
    /// Takes the next message, unacknowledged; `nil` when there is none.
    package func get(fromQueue name: String) throws(AMQPError) -> AMQPDelivery? { nil }
    package func acknowledge(_ tag: AMQPDeliveryTag) throws(AMQPError) {}
    package func reject(_ tag: AMQPDeliveryTag, requeue: Bool) throws(AMQPError) {}
    /// Publishes and waits for the broker's answer.
    package func publish(_ message: AMQPMessage) throws(AMQPError) {}
}
