import Foundation
import Logging
import ServiceLifecycle
import Synchronization

/// The time limits of a shutdown.
struct ShutdownLimits: Sendable {
    /// The time between the loss of readiness and the end of new work.
    let delay: Duration
    /// The time for work in flight.
    let limit: Duration
}

/// Waits for the shutdown signal, and makes the process unready before any other service stops.
struct ShutdownCoordinator: Service {
    let health: Health
    let limits: ShutdownLimits
    let logger: Logger
    let watchdog: ShutdownWatchdog

    func run() async throws {
        try await gracefulShutdown()
        logger.info("shutdown started")
        health.drain()
        watchdog.arm(after: limits.delay + limits.limit + .seconds(3), logger: logger)
        if limits.delay > .zero { try await Task.sleep(for: limits.delay) }
    }
}

/// Ends the process when a service neither stops nor reacts to cancellation. Runs on a thread that no task
/// can block.
final class ShutdownWatchdog: Sendable {
    private let isDisarmed = Atomic(false)

    func arm(after time: Duration, logger: Logger) {
        DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(Int(time.components.seconds))) { [self] in
            if isDisarmed.load(ordering: .acquiring) { return }
            logger.critical("shutdown timed out")
            Thread.sleep(forTimeInterval: 0.2)  // gives the log output time to write the line
            _exit(1)
        }
    }

    /// Call after all services have stopped.
    func disarm() { isDisarmed.store(true, ordering: .releasing) }
}
