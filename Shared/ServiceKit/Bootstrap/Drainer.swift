import Foundation
import Logging
import ServiceLifecycle
import Synchronization

/// How long stopping may take.
struct StopBounds: Sendable {
    /// Between not being ready and taking no more work.
    let delay: Duration
    /// For finishing what is in flight.
    let limit: Duration
}

/// Waits for the order to stop, and makes the process not ready before anything else stops.
struct Drainer: Service {
    let health: Health
    let bounds: StopBounds
    let logger: Logger
    let lastResort: LastResort

    func run() async throws {
        try await gracefulShutdown()
        logger.info("stopping")
        health.drain()
        lastResort.arm(after: bounds.delay + bounds.limit + .seconds(3), logger)
        if bounds.delay > .zero { try await Task.sleep(for: bounds.delay) }
    }
}

/// Ends the process when something neither stops nor can be cancelled: on a thread that no task can hold.
final class LastResort: Sendable {
    private let isDisarmed = Atomic(false)

    func arm(after time: Duration, _ logger: Logger) {
        DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(Int(time.components.seconds))) { [self] in
            if isDisarmed.load(ordering: .acquiring) { return }
            logger.critical("stopping took too long")
            Thread.sleep(forTimeInterval: 0.2)  // for the line to be written
            _exit(1)
        }
    }

    /// Everything has stopped.
    func disarm() { isDisarmed.store(true, ordering: .releasing) }
}
