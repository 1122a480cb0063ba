import AMQP
import Contracts
import Reactor

/// Publishes the events of this service: persistent and confirmed, on another connection than calls.
actor EventPublisher: BusComponent {
    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    nonisolated let io: IOThread
    nonisolated let service: ServiceName
    private var channel: AMQPChannel?

    init(_ service: ServiceName, on io: IOThread) {
        self.service = service
        self.io = io
    }

    func open(on connection: AMQPConnection) async {
        channel = await connection.openChannel(AMQPChannelSetup(name: "events out", confirmWindow: 1_024))
    }

    var isReady: Bool { channel?.isOpen == true }
    /// Like ``isReady``, on the I/O thread only.
    nonisolated var isOpenNow: Bool { assumeIsolated { $0.isReady } }

    func opened() async throws(AMQPError) { try await channel?.opened() }

    /// Sends an event. On the I/O thread only.
    ///
    /// - Returns: the error when it could not be sent. `onOutcome` is called once otherwise, and not at all
    ///   then.
    nonisolated func send(_ event: OutboxEvent, onOutcome: @escaping @Sendable (AMQPOutcome) -> Void) -> AMQPError? {
        assumeIsolated { publisher -> AMQPError? in
            do throws(AMQPError) {
                try publisher.sendPersistent(event, onOutcome: onOutcome)
                return nil
            } catch {
                return error
            }
        }
    }

    private func sendPersistent(
        _ event: OutboxEvent, onOutcome: @escaping @Sendable (AMQPOutcome) -> Void
    ) throws(AMQPError) {
        try send(message(event, to: Exchange.events, mode: .persistent), onOutcome: onOutcome)
    }

    /// Sends an event to the current subscribers. It is neither stored nor confirmed.
    func broadcast(_ event: OutboxEvent, exchange: String) throws(AMQPError) {
        try send(message(event, to: exchange, mode: .transient), onOutcome: nil)
    }

    /// Publishes a message, and returns once the broker has confirmed it.
    func publish(_ message: AMQPMessage) async throws(AMQPError) {
        guard let channel else { throw .notConnected("not opened") }
        try await channel.publish(message)
    }

    private func message(_ event: OutboxEvent, to exchange: String, mode: AMQPProperties.DeliveryMode) -> AMQPMessage {
        let attributes = CloudEvent(
            id: event.id, type: event.type, source: CloudEvent.source(of: service), subject: event.subject, time: event.time,
            traceparent: event.trace)
        return attributes.message(event.data, to: exchange, from: service, mode: mode)
    }

    private func send(_ message: AMQPMessage, onOutcome: (@Sendable (AMQPOutcome) -> Void)?) throws(AMQPError) {
        guard let channel else { throw .notConnected("not opened") }
        try channel.send(message, onOutcome: onOutcome)
    }
}
