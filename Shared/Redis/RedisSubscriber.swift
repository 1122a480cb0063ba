import Logging
import Reactor
import ServiceLifecycle

/// A channel, or a pattern that selects channels.
package enum RedisTopic: Hashable, Sendable {
    case channel([UInt8])
    /// Every channel that matches; the wildcards are `*`, `?` and `[…]`.
    case pattern([UInt8])

    package static func channel(_ name: String) -> RedisTopic { .channel(Array(name.utf8)) }
    package static func pattern(_ name: String) -> RedisTopic { .pattern(Array(name.utf8)) }
}

package struct RedisMessage: Equatable, Sendable {
    package let channel: [UInt8]
    package let payload: [UInt8]
}

/// An event that a listener receives, on the I/O thread and in order.
package enum RedisSubscriptionEvent: Equatable, Sendable {
    /// Redis has confirmed the subscription: later messages arrive.
    case started
    case message(RedisMessage)
    /// The connection is lost: messages are missed until the next ``started``.
    case lost
}

/// Identifies one listener.
package struct RedisSubscription: Hashable, Sendable { let number: Int }

/// A connection of its own for pub/sub messages, which Redis forwards and does not store.
///
/// Subscriptions survive reconnects. A peer that disappears silently is detected within two heartbeats.
package actor RedisSubscriber: Service {
    package nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    private let io: IOThread
    private let endpoint: RedisEndpoint
    private let heartbeat: Duration
    private let logger: Logger

    private var context: RedisContext?
    private var output = OutputBuffer()
    private var subscriptions = SubscriptionRegistry()
    private var lossWaiter: CheckedContinuation<Void, Never>?
    private var heartbeatTimer: IOTimer?
    private var lastReceivedAt: Nanoseconds = 0

    /// Creates a subscriber that connects once ``run()`` is called.
    ///
    /// - Parameter heartbeat: after this time without data the subscriber sends a `PING`; after twice this
    ///   time it closes the connection.
    package init(_ endpoint: RedisEndpoint, on io: IOThread, heartbeat: Duration = .seconds(2), logger: Logger) {
        self.endpoint = endpoint
        self.io = io
        self.heartbeat = heartbeat
        self.logger = logger
    }

    /// Subscribes, now or as soon as there is a connection. The listener runs on the I/O thread and must not
    /// block.
    package func subscribe(_ topic: RedisTopic, _ listener: @escaping @Sendable (RedisSubscriptionEvent) -> Void)
        -> RedisSubscription
    {
        let (subscription, change) = subscriptions.add(topic, listener)
        if let command = change.command, context != nil { output.append(command) }
        deliver(change.deliveries)
        return subscription
    }

    /// Removes the listener, which receives nothing after this. No effect when repeated.
    package func unsubscribe(_ subscription: RedisSubscription) {
        if let command = subscriptions.remove(subscription), context != nil { output.append(command) }
    }

    /// Keeps a connection until graceful shutdown or cancellation.
    package func run() async throws {
        await cancelWhenGracefulShutdown { await self.stayConnected() }
    }

    private func stayConnected() async {
        await endpoint.stayConnected(logger: logger) { connection in
            adopt(connection)
            await waitForLoss()
        }
    }

    private func adopt(_ connection: consuming EstablishedConnection) {
        context = consume connection.context
        io.add(self)
        for command in subscriptions.connected() { output.append(command) }
        lastReceivedAt = monotonicNow()
        scheduleHeartbeat(after: heartbeat.nanoseconds)
    }

    private func waitForLoss() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // The connection may be lost already.
                if context == nil { continuation.resume() } else { lossWaiter = continuation }
            }
        } onCancel: {
            io.post { self.assumeIsolated { $0.close(.connectionLost) } }
        }
    }

    private func close(_ error: RedisError) {
        guard context != nil else { return }
        context = nil
        io.remove(self)
        if let heartbeatTimer { io.cancel(heartbeatTimer) }
        output.removeAll()
        logger.warning("Redis subscriptions lost", metadata: ["error": "\(error)"])
        deliver(subscriptions.connectionLost())
        lossWaiter.take()?.resume()
    }

    private func deliver(_ deliveries: [SubscriptionRegistry.Delivery]) {
        for delivery in deliveries { delivery.listener(delivery.event) }
    }

    // MARK: Heartbeat

    private func scheduleHeartbeat(after delay: Nanoseconds) {
        heartbeatTimer = io.schedule(after: .nanoseconds(delay)) { [weak self] in
            self?.assumeIsolated { $0.checkHeartbeat() }
        }
    }

    private func checkHeartbeat() {
        let (now, interval) = (monotonicNow(), heartbeat.nanoseconds)
        let silence = now - lastReceivedAt
        if silence >= 2 * interval {
            return close(RedisError(.timedOut, "no data within two heartbeats", mayHaveHappened: false))
        }
        if silence >= interval { output.append(["PING"]) }
        scheduleHeartbeat(after: (silence >= interval ? 2 * interval : interval) - silence)
    }
}

extension RedisSubscriber: IOSource {
    package nonisolated func beforeWait() -> IOInterest? { assumeIsolated { $0.flush() } }
    package nonisolated func ready(_ readiness: IOReadiness) { assumeIsolated { $0.receive() } }

    private func flush() -> IOInterest? {
        do throws(RedisError) {
            try output.drain { bytes throws(RedisError) in try context?.send(bytes) ?? 0 }
        } catch {
            close(error)
        }
        guard let descriptor = context?.descriptor else { return nil }
        return IOInterest(descriptor: descriptor, write: !output.isEmpty)
    }

    private func receive() {
        do throws(RedisError) {
            for _ in 0..<RedisContext.readsPerTurn {
                guard let count = try context?.receive(), count > 0 else { return }
                lastReceivedAt = monotonicNow()
                while let reply = try context?.nextReply() {
                    if case .error(let message) = reply { throw .refused(message) }
                    deliver(subscriptions.receive(reply))
                }
                if count < RedisContext.readSize { return }
            }
        } catch {
            close(error)
        }
    }
}
