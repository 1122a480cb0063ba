import Foundation
import Logging

/// One attempt to migrate a database, on a thread that may block.
struct MigrationRun {
    private let migrator: Migrator
    private let cancellation: CancellationFlag

    init(_ migrator: Migrator, _ cancellation: CancellationFlag) {
        self.migrator = migrator
        self.cancellation = cancellation
    }

    func run() throws(MigrationError) -> [String] {
        do {
            let session = try connect()
            return try cancellation.withRequest(session.cancelRequest()) {
                try lock(session)
                // The lock ends with the session.
                return try applyPending(session)
            }
        } catch let error as MigrationError {
            throw error
        } catch {
            if cancellation.isSet { throw .cancelled }
            throw .unavailable((error as? PostgresError)?.description ?? "\(error)")
        }
    }

    private func connect() throws -> MigrationSession {
        do {
            return try MigrationSession(migrator.configuration)
        } catch {
            throw MigrationError.unavailable(error.message)
        }
    }

    /// Acquires the advisory lock. Its key depends on the schema, so that services migrate concurrently.
    private func lock(_ session: borrowing MigrationSession) throws {
        let deadline = ContinuousClock.now + migrator.lockWaitLimit
        while true {
            let locked = try session.query(
                "SELECT pg_try_advisory_lock(hashtextextended('martlet.migrations.' || current_schema(), 0))"
            ).one(as: Bool.self)
            if locked { return }
            if ContinuousClock.now > deadline { throw MigrationError.lockedOut(migrator.lockWaitLimit) }
            try pause(0.05...0.2)
        }
    }

    private func applyPending(_ session: borrowing MigrationSession) throws -> [String] {
        try session.run(script: Self.table)
        let applied = try session.query("SELECT number, name, checksum FROM migrations ORDER BY number")
            .decode((Int, String, [UInt8]).self).map { AppliedMigration(number: $0.0, name: $0.1, checksum: $0.2) }
        var names: [String] = []
        for migration in try migrator.migrations.pending(after: applied) {
            try apply(migration, session)
            migrator.logger.info("migration applied", metadata: ["migration": "\(migration.name)"])
            names.append(migration.name)
        }
        return names
    }

    private static let table = """
        CREATE TABLE IF NOT EXISTS migrations (
            number integer PRIMARY KEY,
            name text NOT NULL,
            checksum bytea NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
        )
        """

    /// Applies a migration, with retries after a lock timeout or a deadlock.
    private func apply(_ migration: Migration, _ session: borrowing MigrationSession) throws {
        var attempt = 1
        // Outside a transaction, waiting for a lock does not block other sessions.
        let lockTimeout = migration.inTransaction ? migrator.lockTimeout : migrator.lockWaitLimit
        try session.query("SELECT set_config('lock_timeout', \("\(lockTimeout.milliseconds)ms"), false)")
        while true {
            if cancellation.isSet { throw MigrationError.cancelled }
            do throws(PostgresError) {
                return migration.inTransaction ? try transact(migration, session) : try runAlone(migration, session)
            } catch {
                if cancellation.isSet { throw MigrationError.cancelled }
                if session.isUsable() { try? session.run(script: "ROLLBACK") }
                let mayRetry = error.sqlState == .lockNotAvailable || error.isTransient
                guard mayRetry, attempt < migrator.attempts else {
                    throw MigrationError.failed(name: migration.name, reason: "\(error)")
                }
            }
            attempt += 1
            try pause(0.1...min(1, 0.1 * Double(attempt)))
        }
    }

    private func transact(_ migration: Migration, _ session: borrowing MigrationSession) throws(PostgresError) {
        try session.run(script: "BEGIN")
        try session.run(script: migration.sql)
        guard session.isInTransaction() else {
            throw PostgresError(.transactionOver, "the migration ended its own transaction", mayHaveHappened: true)
        }
        try record(migration, session)
        try session.run(script: "COMMIT")
    }

    /// Applies a migration outside a transaction. If the process dies before recording it, it runs again, so
    /// it must be idempotent.
    private func runAlone(_ migration: Migration, _ session: borrowing MigrationSession) throws(PostgresError) {
        if let index = migration.concurrentIndex { try dropInvalid(index, session) }
        do {
            try session.run(script: migration.sql)
        } catch  where error.sqlState == .activeTransaction {
            throw PostgresError(
                .server, "a migration without a transaction must hold one statement alone; \(error.message)", report: error.report
            )
        }
        try record(migration, session)
    }

    /// Drops an index that a failed `CREATE INDEX CONCURRENTLY` left invalid. No query reads such an index,
    /// every write maintains it, and `IF NOT EXISTS` would accept it.
    private func dropInvalid(_ index: String, _ session: borrowing MigrationSession) throws(PostgresError) {
        let leftover = try session.query(
            """
            SELECT format('DROP INDEX CONCURRENTLY %I.%I', n.nspname, c.relname)
            FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relname = \(index) AND n.nspname = current_schema() AND NOT i.indisvalid
            """
        ).first(as: String.self)
        guard let leftover else { return }
        migrator.logger.warning("invalid index found", metadata: ["index": "\(index)"])
        try session.run(script: leftover)
    }

    private func record(_ migration: Migration, _ session: borrowing MigrationSession) throws(PostgresError) {
        try session.query(
            """
            INSERT INTO migrations (number, name, checksum)
            VALUES (\(migration.number), \(migration.name), \(migration.checksum))
            """)
    }

    /// - Throws: ``MigrationError/cancelled``
    private func pause(_ seconds: ClosedRange<Double>) throws(MigrationError) {
        if cancellation.isSet { throw .cancelled }
        Thread.sleep(forTimeInterval: .random(in: seconds))
        if cancellation.isSet { throw .cancelled }
    }
}
