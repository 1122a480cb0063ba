import AMQP
import Contracts
import Reactor

/// The channel on which a process tells facts: persistent, confirmed, on a connection that no call depends on.
actor EventPublisher: BusComponent {
    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    nonisolated let io: IOThread
    nonisolated let service: ServiceName
    private var channel: AMQPChannel?

    init(_ service: ServiceName, on io: IOThread) { (self.service, self.io) = (service, io) }

    func open(on connection: AMQPConnection) async {
        channel = await connection.openChannel(AMQPChannelSetup(name: "facts out", confirmWindow: 1_024))
    }

    var isReady: Bool { channel?.isOpen == true }
    /// On the I/O thread only.
    nonisolated var isOpenNow: Bool { assumeIsolated { $0.isReady } }

    func opened() async throws(AMQPError) { try await channel?.opened() }

    /// On the I/O thread only.
    ///
    /// - Returns: why it could not be sent; `onOutcome` is not called then, and otherwise once.
    nonisolated func send(_ event: OutboxEvent, onOutcome: @escaping @Sendable (AMQPOutcome) -> Void) -> AMQPError? {
        assumeIsolated { publisher -> AMQPError? in
            do throws(AMQPError) {
                try publisher.sendPersistent(event, onOutcome)
                return nil
            } catch {
                return error
            }
        }
    }

    private func sendPersistent(
        _ event: OutboxEvent, _ onOutcome: @escaping @Sendable (AMQPOutcome) -> Void
    ) throws(AMQPError) {
        let about = CloudEvent(
            id: event.id, type: event.type, source: CloudEvent.source(of: service), subject: event.subject, time: event.time,
            traceparent: event.trace)
        try send(about.message(event.data, to: Exchange.events, from: service, .persistent), onOutcome: onOutcome)
    }

    /// An event for whoever listens now: neither kept nor confirmed.
    func broadcast(_ event: OutboxEvent, _ exchange: String) throws(AMQPError) {
        let about = CloudEvent(
            id: event.id, type: event.type, source: CloudEvent.source(of: service), subject: event.subject, time: event.time,
            traceparent: event.trace)
        try send(about.message(event.data, to: exchange, from: service, .transient), onOutcome: nil)
    }

    /// Moves a message to the dead letters, or back from them; returns once the broker has it.
    func publish(_ message: AMQPMessage) async throws(AMQPError) {
        guard let channel else { throw .notConnected("not opened") }
        try await channel.publish(message)
    }

    private func send(_ message: AMQPMessage, onOutcome: (@Sendable (AMQPOutcome) -> Void)?) throws(AMQPError) {
        guard let channel else { throw .notConnected("not opened") }
        try channel.send(message, onOutcome: onOutcome)
    }
}
