/// What one round trip brings back: the rows of each statement, or why there are none.
typealias BatchResult = Result<[PostgresRows], PostgresError>

/// Statements that travel together, up to one Sync: without a transaction around them they are one.
struct StatementBatch: Sendable {
    let id: UInt64
    let statements: [SQL]
    /// Success commits, so that a lost answer leaves it open whether it did.
    let commits: Bool
    /// Travels among others' batches: must leave no transaction open behind it.
    let isShared: Bool
    /// Once is enough.
    var wasResent = false
    let caller: CheckedContinuation<BatchResult, Never>

    /// When the server says that a prepared statement is not there, or not valid any more, then nothing was done, and trying again helps. In a transaction
    /// it is too late for that.
    var mayBeResent: Bool { isShared && !wasResent }

    /// Why it cannot be sent, if so.
    var fault: PostgresError? {
        for statement in statements {
            if let fault = statement.parameters.fault { return PostgresError(.invalidParameter, fault) }
        }
        return nil
    }
}

/// What was sent up to one Sync, and how far its answers have come.
struct SentGroup {
    /// A statement prepared on the way.
    struct Preparation {
        let step: Int
        let key: StatementKey
        let name: String
    }

    /// `nil` once nobody waits for it any more.
    var batch: StatementBatch?
    /// The connection's own housekeeping: nobody ever waited.
    let isInternal: Bool
    let preparations: [Preparation]
    /// Answers to come before the Sync's.
    let stepCount: Int
    let sentAt: ContinuousClock.Instant
    let patience: Duration

    private(set) var step = 0
    private(set) var rows: [PostgresRows] = []
    private(set) var error: PostgresError?

    init(batch: StatementBatch?, preparations: [Preparation], stepCount: Int, patience: Duration) {
        self.batch = batch
        isInternal = batch == nil
        self.preparations = preparations
        self.stepCount = stepCount
        self.patience = patience
        sentAt = .now
        rows.reserveCapacity(batch?.statements.count ?? 0)
    }

    var preparation: Preparation? { preparations.first { $0.step == step } }

    mutating func succeeded(_ result: consuming ResultSet) {
        if batch != nil, preparation == nil { rows.append(PostgresRows(result: SharedResult(result))) }
        step += 1
    }

    /// The first error is the cause; what follows it was skipped.
    mutating func failed(_ cause: PostgresError) {
        if error == nil { error = cause }
        step += 1
    }

    mutating func skipped() { step += 1 }
}
