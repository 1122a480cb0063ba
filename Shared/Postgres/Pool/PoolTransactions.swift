extension PostgresPool {
    /// Runs `body` in a transaction on a connection of its own. Commits when it returns; rolls back when it
    /// throws.
    ///
    /// - Parameters:
    ///   - deadline: for the whole call, including the wait for a connection. A passed deadline or a
    ///     cancellation also cancels the statement on the server.
    ///   - attempts: the number of attempts in case of serialisation failures and deadlocks; `body` must be
    ///     repeatable.
    /// - Throws: the error of `body`, or ``PostgresError``, with ``PostgresError/mayHaveHappened`` if the
    ///   connection was lost during `COMMIT`.
    @discardableResult
    package nonisolated func transaction<Result>(
        deadline: ContinuousClock.Instant? = nil, isolation: PostgresIsolation = .readCommitted, attempts: Int = 1,
        _ body: (PostgresTransaction) async throws -> Result
    ) async throws -> Result {
        var attempt = 1
        while true {
            do {
                return try await attemptTransaction(deadline: deadline, isolation: isolation, body)
            } catch let error as PostgresError where error.isTransient && attempt < attempts {
                attempt += 1
            }
        }
    }

    /// Copies rows into a table in one transaction: all or none. See
    /// ``PostgresTransaction/copy(into:columns:_:)``.
    @discardableResult
    package nonisolated func copy(
        into table: StaticString, columns: [StaticString], deadline: ContinuousClock.Instant? = nil,
        _ body: (PostgresCopy) async throws -> Void
    ) async throws -> Int {
        try await transaction(deadline: deadline) { try await $0.copy(into: table, columns: columns, body) }
    }

    private nonisolated func attemptTransaction<Result>(
        deadline: ContinuousClock.Instant?, isolation: PostgresIsolation,
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
