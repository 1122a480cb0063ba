/// The isolation level of a transaction.
package enum PostgresIsolation: Sendable {
    case readCommitted, repeatableRead, serializable

    fileprivate var begin: SQL {
        switch self {
        case .readCommitted: "BEGIN"
        case .repeatableRead: "BEGIN ISOLATION LEVEL REPEATABLE READ"
        case .serializable: "BEGIN ISOLATION LEVEL SERIALIZABLE"
        }
    }
}

/// A running transaction, lent by ``PostgresPool/transaction(deadline:isolation:attempts:_:)``.
///
/// Statements are sent in batches: `BEGIN` with the first, statements queued by ``enqueue(_:)`` with the
/// next, `COMMIT` with the last. So one `run` and several `enqueue`s make a transaction of two round trips.
package final class PostgresTransaction {
    private enum State { case open, failed, over }

    /// The time limit for a rollback. After it the connection is closed, which rolls back too.
    private static let rollbackTimeout = Duration.milliseconds(500)

    private let connection: PostgresConnection
    private let copyTimeout: Duration
    private let deadline: ContinuousClock.Instant?
    private let isolation: PostgresIsolation
    private var state = State.open
    private var begun = false
    private var queue: [SQL] = []

    init(
        on connection: PostgresConnection, deadline: ContinuousClock.Instant?, isolation: PostgresIsolation, copyTimeout: Duration
    ) {
        self.connection = connection
        self.copyTimeout = copyTimeout
        self.deadline = deadline
        self.isolation = isolation
    }

    /// Sends the statements together and waits for their rows. An error skips the statements after it.
    ///
    /// - Throws: after any error the transaction can only roll back, which happens when the body ends.
    package func run(_ statements: [SQL]) async throws(PostgresError) -> [PostgresRows] {
        try await send(statements, commit: false)
    }

    package func query(_ sql: SQL) async throws(PostgresError) -> PostgresRows { try await run([sql])[0] }

    /// Returns the number of rows inserted, updated or deleted.
    @discardableResult
    package func execute(_ sql: SQL) async throws(PostgresError) -> Int { try await run([sql])[0].affectedCount }

    /// Queues a statement for the next batch, which may be `COMMIT`. Its rows are dropped; its error fails
    /// that batch.
    package func enqueue(_ sql: SQL) { queue.append(sql) }

    /// Sends the last statements together with `COMMIT` and waits for their rows. No statement may follow.
    ///
    /// - Throws: with ``PostgresError/mayHaveHappened`` when the answer was lost.
    @discardableResult
    package func commit(_ last: [SQL] = []) async throws(PostgresError) -> [PostgresRows] { try await send(last, commit: true) }

    /// Copies rows into a table, the fastest way for many rows; see ``PostgresCopy``. Values must have
    /// exactly the columns' types.
    @discardableResult
    package func copy(
        into table: StaticString, columns: [StaticString], _ body: (PostgresCopy) async throws -> Void
    ) async throws -> Int {
        // A COPY may exceed the statement timeout.
        let deadline = deadline ?? .now + copyTimeout
        _ = try await run(["SET LOCAL statement_timeout = 0"])
        enqueue("SET LOCAL statement_timeout TO DEFAULT")
        let copy = PostgresCopy(on: connection, columnCount: columns.count, deadline: deadline)
        let names = columns.map { quoted($0) }.joined(separator: ", ")
        do {
            try await connection.beginCopy("COPY \(quoted(table)) (\(names)) FROM STDIN (FORMAT binary)", deadline: deadline)
            do {
                try await body(copy)
                try await copy.finish()
            } catch {
                _ = try? await connection.endCopy(failing: "aborted by the client", deadline: .now + Self.rollbackTimeout)
                throw error
            }
            return try await connection.endCopy(deadline: deadline)
        } catch {
            state = .failed
            throw error
        }
    }

    private func quoted(_ name: StaticString) -> String { "\"\(name.description.replacing("\"", with: "\"\""))\"" }

    private func send(_ statements: [SQL], commit: Bool) async throws(PostgresError) -> [PostgresRows] {
        guard state == .open else {
            throw PostgresError(.transactionOver, state == .failed ? "the transaction has failed" : "the transaction is over")
        }
        var all = begun ? [] : [isolation.begin]
        let skipped = all.count + queue.count
        all += queue + statements
        if all.isEmpty, !commit { return [] }
        if commit { all.append("COMMIT") }
        queue = []
        begun = true
        do throws(PostgresError) {
            var rows = try await connection.perform(all, commits: commit, deadline: deadline)
            if commit {
                state = .over
                guard rows.removeLast().result.commandTag == "COMMIT" else {
                    throw PostgresError(.transactionOver, "the server rolled back instead of committing")
                }
            }
            return Array(rows.dropFirst(skipped))
        } catch {
            if state == .open { state = .failed }
            throw error
        }
    }

    /// Commits, unless the transaction is over or nothing was sent or queued.
    func finish() async throws(PostgresError) {
        if state == .over { return }
        if state == .open, !begun, queue.isEmpty { return state = .over }
        try await commit()
    }

    /// Rolls back in any state. If that fails, the connection is closed instead of reused.
    func abandon() async {
        defer { state = .over }
        guard begun, state != .over, await connection.isUsable else { return }
        _ = try? await connection.perform(
            ["ROLLBACK"], commits: false, deadline: .now + Self.rollbackTimeout, uncancellable: true)
    }
}
