import Contracts
import Logging
import ServiceLifecycle

/// Ends sessions whose time is up, and forgets what has served its time: ended sessions, old idempotency keys. Every instance does it; they do not get in each other's way.
struct Sweeper: Service {
    let accounts: AccountStore
    let sessions: SessionStore
    let now: @Sendable () -> Timestamp
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await every(45...75, sweep) }
                group.addTask { await every(0.4...0.8, endExpired) }
            }
        }
    }

    private func every(_ seconds: ClosedRange<Double>, _ body: () async -> Void) async {
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(.random(in: seconds)))
            if !Task.isCancelled { await body() }
        }
    }

    /// While the database is away there is nobody to ask; it is said by others.
    private func endExpired() async { while (try? await sessions.endExpired(now: now())) ?? 0 > 0, !Task.isCancelled {} }

    func sweep() async {
        do {
            try await accounts.sweep(now: now())
            try await sessions.sweep(now: now())
        } catch {
            logger.notice("could not sweep", metadata: ["error": "\(error)"])
        }
    }
}
