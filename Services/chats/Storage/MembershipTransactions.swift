import Postgres
import ServiceKit

/// Transactions of all but sends: so few at a time that sends always find a connection.
struct MembershipTransactions: Sendable {
    private let database: PostgresPool
    private let admission: Admission
    private let lockTimeout: Duration

    /// - Parameters:
    ///   - wait: how long one waits for its turn.
    ///   - lockTimeout: how long one waits for a chat that somebody else holds; like that of sends.
    init(_ database: PostgresPool, wait: Duration = .seconds(1), lockTimeout: Duration = .milliseconds(500)) {
        self.database = database
        self.lockTimeout = lockTimeout
        let spare = database.configuration.exclusiveConnections - SendBatcher.batchesAtOnce
        admission = Admission("chats-changes", limit: max(1, spare), queue: 256, wait: wait)
    }

    /// See ``PostgresPool/transaction(deadline:isolation:attempts:_:)``.
    ///
    /// - Throws: ``AdmissionRefused`` too, before anything was begun.
    func run<Result>(
        deadline: ContinuousClock.Instant, _ body: (PostgresTransaction) async throws -> Result
    ) async throws -> Result {
        try await admission.run(within: deadline - .now) {
            try await database.transaction(deadline: deadline) { transaction in
                transaction.waitForLocks(atMost: lockTimeout)
                return try await body(transaction)
            }
        }
    }
}

extension PostgresTransaction {
    /// Waiting longer for any lock fails with `lockNotAvailable`. Rides with the next statements.
    func waitForLocks(atMost limit: Duration) {
        let text = "\(Int64(limit / .milliseconds(1)))ms"
        enqueue("SELECT set_config('lock_timeout', \(text), true)")
    }
}
