import Postgres
import ServiceKit

/// Runs the transactions of everything but sends. Limits their number, so that sends always find a
/// connection.
struct MembershipTransactions: Sendable {
    private let database: PostgresPool
    private let admission: Admission
    private let lockTimeout: Duration

    /// - Parameters:
    ///   - wait: the longest time that a transaction waits to start.
    ///   - lockTimeout: the longest time that it waits for a chat's lock; the same as for sends.
    init(_ database: PostgresPool, wait: Duration = .seconds(1), lockTimeout: Duration = .milliseconds(500)) {
        self.database = database
        self.lockTimeout = lockTimeout
        let spare = database.configuration.exclusiveConnections - SendBatcher.maximumBatches
        admission = Admission("chats-changes", limit: max(1, spare), queue: 256, wait: wait)
    }

    /// Runs a transaction; see ``PostgresPool/transaction(deadline:isolation:attempts:_:)``.
    ///
    /// - Throws: also ``AdmissionRefused``, before the transaction has started.
    func run<Result>(
        deadline: ContinuousClock.Instant, _ body: (PostgresTransaction) async throws -> Result
    ) async throws -> Result {
        try await admission.run(within: deadline - .now) {
            try await database.transaction(deadline: deadline) { transaction in
                transaction.setLockTimeout(lockTimeout)
                return try await body(transaction)
            }
        }
    }
}

extension PostgresTransaction {
    /// Limits the wait for every lock; a longer wait fails with `lockNotAvailable`. Sent with the next
    /// statements, without a round trip of its own.
    func setLockTimeout(_ limit: Duration) {
        let text = "\(Int64(limit / .milliseconds(1)))ms"
        enqueue("SELECT set_config('lock_timeout', \(text), true)")
    }
}
