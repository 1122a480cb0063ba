import Logging
import Reactor
import ServiceLifecycle

/// What a message is published to, or what a subscriber listens to.
package enum RedisTopic: Hashable, Sendable {
    case channel([UInt8])
    /// With `*`, `?` and `[…]`; every channel that matches.
    case pattern([UInt8])

    package static func channel(_ name: String) -> RedisTopic { .channel(Array(name.utf8)) }
    package static func pattern(_ name: String) -> RedisTopic { .pattern(Array(name.utf8)) }
}

package struct RedisMessage: Equatable, Sendable {
    package let channel: [UInt8]
    package let payload: [UInt8]
}

/// What one listener is told, on the I/O thread, in order. It must not block.
package enum RedisFeed: Equatable, Sendable {
    /// Redis has confirmed: what is published from now on arrives.
    case started
    case message(RedisMessage)
    /// The connection is gone: messages are missed until the next ``started``.
    case lost
}

/// Names one listener.
package struct RedisSubscription: Hashable, Sendable { let number: Int }

/// The second connection of a process, for messages that Redis passes on and does not keep.
///
/// Subscriptions outlive the connection: each new one takes them all up again. A peer that is gone without a word is noticed within two heartbeats.
package actor RedisSubscriber: Service {
    package nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    private let io: IOThread
    private let endpoint: RedisEndpoint
    private let heartbeat: Duration
    private let logger: Logger

    private var context: RedisContext?
    private var output = OutputBuffer()
    private var subscriptions = Subscriptions()
    private var lost: CheckedContinuation<Void, Never>?
    private var beat: IOTimer?
    private var heardAt: Nanoseconds = 0

    /// Does nothing until ``run()``.
    ///
    /// - Parameter heartbeat: how long Redis may say nothing before it is asked, and again before it is given up.
    package init(_ endpoint: RedisEndpoint, on io: IOThread, heartbeat: Duration = .seconds(2), logger: Logger) {
        self.endpoint = endpoint
        self.io = io
        self.heartbeat = heartbeat
        self.logger = logger
    }

    /// Begins to listen, now or as soon as there is a connection.
    package func subscribe(_ topic: RedisTopic, _ listener: @escaping @Sendable (RedisFeed) -> Void) -> RedisSubscription {
        let (subscription, step) = subscriptions.add(topic, listener)
        if let command = step.command, context != nil { output.append(command) }
        deliver(step.deliveries)
        return subscription
    }

    /// Nothing reaches the listener after this. Does nothing the second time.
    package func unsubscribe(_ subscription: RedisSubscription) {
        if let command = subscriptions.remove(subscription), context != nil { output.append(command) }
    }

    /// Keeps the connection until graceful shutdown or cancellation.
    package func run() async throws {
        await cancelWhenGracefulShutdown { await self.stayConnected() }
    }

    private func stayConnected() async {
        await endpoint.stayConnected(logger: logger) { connection in
            adopt(connection)
            await untilLost()
        }
    }

    private func adopt(_ connection: consuming SignedIn) {
        context = consume connection.context
        io.add(self)
        for command in subscriptions.resume() { output.append(command) }
        heardAt = monotonicNow()
        scheduleBeat(after: heartbeat.nanoseconds)
    }

    private func untilLost() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // It may be gone already.
                if context == nil { continuation.resume() } else { lost = continuation }
            }
        } onCancel: {
            Task { await self.close(.connectionLost) }
        }
    }

    private func close(_ error: RedisError) {
        guard context != nil else { return }
        context = nil
        io.remove(self)
        if let beat { io.cancel(beat) }
        output.removeAll()
        logger.warning("Redis subscriptions lost", metadata: ["error": "\(error)"])
        deliver(subscriptions.suspend())
        lost.take()?.resume()
    }

    private func deliver(_ deliveries: [Subscriptions.Delivery]) {
        for delivery in deliveries { delivery.listener(delivery.event) }
    }

    // MARK: Heartbeat

    private func scheduleBeat(after delay: Nanoseconds) {
        beat = io.schedule(after: .nanoseconds(delay)) { [weak self] in self?.assumeIsolated { $0.checkPulse() } }
    }

    /// Counted from when something was last heard: after one beat of silence Redis is asked, after two it is given up.
    private func checkPulse() {
        let (now, beat) = (monotonicNow(), heartbeat.nanoseconds)
        let silence = now - heardAt
        if silence >= 2 * beat { return close(RedisError(.timedOut, "it says nothing", mayHaveHappened: false)) }
        if silence >= beat { output.append(["PING"]) }
        scheduleBeat(after: (silence >= beat ? 2 * beat : beat) - silence)
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
            for _ in 0..<RedisContext.piecesPerTurn {
                guard let count = try context?.receive(), count > 0 else { return }
                heardAt = monotonicNow()
                while let reply = try context?.nextReply() {
                    if case .error(let message) = reply { throw .refused(message) }
                    deliver(subscriptions.receive(reply))
                }
                if count < RedisContext.pieceSize { return }
            }
        } catch {
            close(error)
        }
    }
}
