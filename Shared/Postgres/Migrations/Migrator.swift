import Logging
import Reactor

/// Brings a schema to the state that a release wants: applies, in order, the migrations that have not been applied yet, each once.
///
/// Processes that start together take turns under an advisory lock, polled so that nobody waits for it inside a transaction (which would block `CREATE INDEX CONCURRENTLY`).
/// It works over ``PostgresConfiguration/directAddress``, on a connection of its own, in the first schema of the role's `search_path`.
package struct Migrator: Sendable {
    package var configuration: PostgresConfiguration
    package let migrations: MigrationSet
    package var logger: Logger
    /// How long another process may be migrating before this one gives up.
    package var patience = Duration.seconds(300)
    /// How long a migration may wait for a table's lock, while all that want the table wait behind it; then it is undone and tried again.
    package var lockTimeout = Duration.seconds(2)
    /// How often a migration is tried when it does not get its locks, with 0.1 to 1 s between.
    package var attempts = 30

    package init(_ migrations: MigrationSet, _ configuration: PostgresConfiguration, logger: Logger) {
        self.migrations = migrations
        self.configuration = configuration
        self.logger = logger
    }

    /// Applies what is missing; returns the names of what it applied. Cancelling stops the migration that runs, on the server, and undoes it.
    ///
    /// - Throws: ``MigrationError``
    package func run() async throws -> [String] {
        let stop = CancellationFlag()
        return try await withTaskCancellationHandler {
            try await Blocking.run { try MigrationRun(self, stop).run() }
        } onCancel: {
            stop.raise()
        }
    }
}
