import Logging
import Reactor
import ServiceLifecycle

/// One connection to the broker, kept up by ``run()`` until shutdown or cancellation: whatever breaks it, it connects again after a jittered wait
/// and restores its channels with their topology, consumers and confirms.
///
/// It lives on an ``IOThread``. What is sent during a turn of that thread leaves in one write at the turn's end.
package actor AMQPConnection: Service {
    package nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    nonisolated let io: IOThread
    nonisolated let endpoint: AMQPEndpoint
    nonisolated let logger: Logger

    package init(_ endpoint: AMQPEndpoint, on io: IOThread, logger: Logger) {
        self.endpoint = endpoint
        self.io = io
        self.logger = logger
    }

    /// Connected and not blocked, and every channel is open.
    package var isReady: Bool { false }
    package var isConnected: Bool { false }
    package var isBlocked: Bool { false }

    /// Calls `observer` on the I/O thread at every change from now on, and at once with `connected` if it is so.
    package func observe(_ observer: @escaping @Sendable (AMQPStatus) -> Void) {}

    /// A channel that survives reconnects. Before ``run()`` or while it runs; at most 255 on a connection.
    package func openChannel(_ setup: AMQPChannelSetup) -> AMQPChannel { AMQPChannel(connection: self) }

    /// Keeps the connection up. Asked to stop, it refuses new messages, waits for outstanding confirms (at most `drainTimeout`), and closes.
    package func run() async throws {}
}
