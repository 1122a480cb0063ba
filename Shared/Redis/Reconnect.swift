import Logging
import Reactor
import ServiceLifecycle

extension RedisEndpoint {
    /// Connects, lends the connection to `use` until that returns because it was lost, and connects again: until graceful shutdown or cancellation.
    ///
    /// - Parameter use: returns soon after it is cancelled.
    func stayConnected(
        logger: Logger, isolation: isolated (any Actor)? = #isolation, use: (consuming SignedIn) async -> Void
    ) async {
        var backoff = Backoff(.milliseconds(100)...(.seconds(1)))
        while !Task.isCancelled {
            do {
                let connection = try await SignedIn.reach(self)
                let began = ContinuousClock.now
                await use(connection)
                // One that was lost at once has proved nothing.
                if ContinuousClock.now - began > .seconds(1) { backoff.reset() }
            } catch {
                logger.warning("Redis cannot be reached", metadata: ["error": "\(error)"])
            }
            try? await Task.sleep(for: backoff.next())
        }
    }
}
