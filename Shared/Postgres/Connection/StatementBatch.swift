/// The result of one round trip: the rows of each statement, or an error.
typealias BatchResult = Result<[PostgresRows], PostgresError>

/// Statements that are sent together, up to one Sync. Outside a transaction block they are one transaction.
struct StatementBatch: Sendable {
    let id: UInt64
    let statements: [SQL]
    /// Whether success commits, so that a lost answer leaves the outcome open.
    let commits: Bool
    /// Whether other callers' batches share the connection. Such a batch must not leave a transaction open.
    let isShared: Bool
    /// A batch is sent again at most once.
    var wasResent = false
    let caller: CheckedContinuation<BatchResult, Never>

    /// Whether the batch may be sent again after the server reported a missing or stale prepared statement.
    /// Nothing was executed then. Inside a transaction it is too late, because the transaction has failed.
    var mayBeResent: Bool { isShared && !wasResent }

    /// The reason why the batch cannot be sent, if any.
    var fault: PostgresError? {
        for statement in statements {
            if let fault = statement.parameters.fault { return PostgresError(.invalidParameter, fault) }
        }
        return nil
    }
}

/// A batch that was sent, up to its Sync, and the progress of its answers.
struct SentGroup {
    /// A statement that this group prepares.
    struct Preparation {
        let step: Int
        let key: StatementKey
        let name: String
    }

    /// `nil` once the caller no longer waits.
    var batch: StatementBatch?
    /// Whether the group is the connection's own housekeeping, without a caller.
    let isInternal: Bool
    let preparations: [Preparation]
    /// The number of answers expected before that of the Sync.
    let stepCount: Int
    let sentAt: ContinuousClock.Instant
    let timeout: Duration

    private(set) var step = 0
    private(set) var rows: [PostgresRows] = []
    private(set) var error: PostgresError?

    init(batch: StatementBatch?, preparations: [Preparation], stepCount: Int, timeout: Duration) {
        self.batch = batch
        isInternal = batch == nil
        self.preparations = preparations
        self.stepCount = stepCount
        self.timeout = timeout
        sentAt = .now
        rows.reserveCapacity(batch?.statements.count ?? 0)
    }

    var preparation: Preparation? { preparations.first { $0.step == step } }

    mutating func succeeded(_ result: consuming ResultSet) {
        if batch != nil, preparation == nil { rows.append(PostgresRows(result: SharedResult(result))) }
        step += 1
    }

    /// Records a failed step. The first error is kept; the server skips the steps after it.
    mutating func failed(_ cause: PostgresError) {
        if error == nil { error = cause }
        step += 1
    }

    mutating func skipped() { step += 1 }
}
