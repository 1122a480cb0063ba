extension PostgresPool {
    /// Runs `body` in a transaction on a connection of its own, and commits when it returns; rolls back when it throws.
    ///
    /// - Parameters:
    ///   - deadline: for all of it, the wait for a connection included. When it passes, or the task is cancelled, the statement is cancelled on the server.
    ///   - attempts: how often to try again from the beginning after a serialisation failure or a deadlock; `body` must bear being repeated.
    /// - Throws: what `body` throws; ``PostgresError`` otherwise, with ``PostgresError/mayHaveHappened`` when the connection was lost during `COMMIT`.
    @discardableResult
    package nonisolated func transaction<Result>(
        deadline: ContinuousClock.Instant? = nil, isolation: PostgresIsolation = .readCommitted, attempts: Int = 1,
        _ body: (PostgresTransaction) async throws -> Result
    ) async throws -> Result {
        var attempt = 1
        while true {
            do {
                return try await attemptTransaction(deadline, isolation, body)
            } catch let error as PostgresError where error.isTransient && attempt < attempts {
                attempt += 1
            }
        }
    }

    /// Copies rows into a table in a transaction of its own: all or none. See ``PostgresTransaction/copy(into:columns:_:)``.
    @discardableResult
    package nonisolated func copy(
        into table: StaticString, columns: [StaticString], deadline: ContinuousClock.Instant? = nil,
        _ body: (PostgresCopy) async throws -> Void
    ) async throws -> Int {
        try await transaction(deadline: deadline) { try await $0.copy(into: table, columns: columns, body) }
    }

    private nonisolated func attemptTransaction<Result>(
        _ deadline: ContinuousClock.Instant?, _ isolation: PostgresIsolation,
        _ body: (PostgresTransaction) async throws -> Result
    ) async throws -> Result {
        let connection = try await acquire(deadline: deadline)
        let transaction = PostgresTransaction(
            on: connection, deadline: deadline, isolation: isolation, copyTimeout: configuration.copyTimeout)
        do {
            let result = try await body(transaction)
            try await transaction.finish()
            await release(connection)
            return result
        } catch {
            await transaction.abandon()
            await release(connection)
            throw error
        }
    }
}
