import AMQP
import Contracts
import Logging
import Reactor

/// Publishes facts on a connection of their own, so that flow control on them never stalls calls.
actor EventPublisher {
    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    nonisolated let io: IOThread
    private let service: ServiceName
    private var channel: AMQPChannel?

    init(_ service: ServiceName, on io: IOThread) {
        self.io = io
        self.service = service
    }

    func open(on connection: AMQPConnection) async {
        channel = await connection.openChannel(AMQPChannelSetup(name: "events out", confirmWindow: 1_024))
    }

    /// Whether publishing has a chance now.
    var isOpen: Bool { channel?.isOpen == true }

    /// Puts a persistent event into this turn's output.
    ///
    /// - Parameter onOutcome: once, on the I/O thread; true when the broker has taken responsibility.
    /// - Returns: false when it could not be sent now; `onOutcome` is not called then.
    func send(_ event: OutboxEvent, onOutcome: @escaping @Sendable (Bool) -> Void) -> Bool {
        guard let channel else { return false }
        do {
            try channel.send(EventMessage.message(event, from: service, isPersistent: true)) { outcome in
                if case .confirmed = outcome { onOutcome(true) } else { onOutcome(false) }
            }
            return true
        } catch {
            return false
        }
    }

    /// Publishes a transient event and waits until the broker has it.
    func broadcast(_ event: OutboxEvent) async throws(ServiceError) {
        guard let channel else { throw ServiceError(.unavailable, "the bus is not running") }
        do {
            try await channel.publish(EventMessage.message(event, from: service, isPersistent: false))
        } catch {
            throw ServiceError(error.mayHaveHappened ? .unknownOutcome : .unavailable, "the event could not be broadcast")
        }
    }
}
