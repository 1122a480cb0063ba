import Foundation
import Logging
import ServiceLifecycle

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

    func run() async throws {
        try await gracefulShutdown()
        logger.info("stopping")
        health.drain()
        endAnyway()
        if bounds.delay > .zero { try await Task.sleep(for: bounds.delay) }
    }

    /// The last resort when something neither stops nor can be cancelled: on a thread that no task can hold.
    private func endAnyway() {
        let seconds = Int((bounds.delay + bounds.limit).components.seconds) + 3
        DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(seconds)) { [logger] in
            logger.critical("stopping took too long")
            Thread.sleep(forTimeInterval: 0.2)  // for the line to be written
            _exit(1)
        }
    }
}
