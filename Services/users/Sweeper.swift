import Contracts
import Logging
import ServiceLifecycle

/// Forgets what has served its time: ended sessions, old idempotency keys. Every instance does it; they do not get in each other's way.
struct Sweeper: Service {
    let accounts: AccountStore
    let sessions: SessionStore
    let now: @Sendable () -> Timestamp
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(.random(in: 45...75)))
                if !Task.isCancelled { await sweep() }
            }
        }
    }

    func sweep() async {
        do {
            try await accounts.sweep(now: now())
            try await sessions.sweep(now: now())
        } catch {
            logger.notice("could not sweep", metadata: ["error": "\(error)"])
        }
    }
}
