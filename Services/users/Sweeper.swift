import Contracts
import Logging
import ServiceLifecycle

/// Revokes expired sessions, and deletes old sessions and idempotency keys. Every instance runs one; they
/// skip each other's rows.
struct Sweeper: Service {
    let accounts: AccountStore
    let sessions: SessionStore
    let now: @Sendable () -> Timestamp
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await repeating(every: 45...75, sweep) }
                group.addTask { await repeating(every: 0.4...0.8, revokeExpired) }
            }
        }
    }

    private func repeating(every seconds: ClosedRange<Double>, _ body: () async -> Void) async {
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(.random(in: seconds)))
            if !Task.isCancelled { await body() }
        }
    }

    /// Logs no error: the pool logs that the database is away.
    private func revokeExpired() async {
        while (try? await sessions.endExpired(now: now())) ?? 0 > 0, !Task.isCancelled {}
    }

    func sweep() async {
        do {
            try await accounts.sweep(now: now())
            try await sessions.sweep(now: now())
        } catch {
            logger.notice("sweep failed", metadata: ["error": "\(error)"])
        }
    }
}
