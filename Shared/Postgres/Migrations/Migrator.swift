import Logging
import Reactor

/// Migrates a schema: applies the migrations that are missing, in order, each once.
///
/// Processes that start together take turns under an advisory lock. They poll it, because waiting for it
/// inside a transaction would block `CREATE INDEX CONCURRENTLY`. The migrator uses a connection of its own to
/// ``PostgresConfiguration/directAddress``, and the first schema of the role's `search_path`.
package struct Migrator: Sendable {
    package var configuration: PostgresConfiguration
    package let migrations: MigrationSet
    package var logger: Logger
    /// How long to wait while another process holds the migration lock.
    package var lockWaitLimit = Duration.seconds(300)
    /// How long a migration may wait for a table lock, during which later users of the table wait too. Then
    /// it is rolled back and retried.
    package var lockTimeout = Duration.seconds(2)
    /// The number of attempts per migration when it does not get its locks, 0.1 to 1 s apart.
    package var attempts = 30

    package init(_ migrations: MigrationSet, _ configuration: PostgresConfiguration, logger: Logger) {
        self.migrations = migrations
        self.configuration = configuration
        self.logger = logger
    }

    /// Applies the missing migrations and returns their names. Cancellation stops and rolls back the running
    /// one.
    package func run() async throws -> [String] {
        let cancellation = CancellationFlag()
        return try await withTaskCancellationHandler {
            try await Blocking.run { try MigrationRun(self, cancellation).run() }
        } onCancel: {
            cancellation.set()
        }
    }
}
