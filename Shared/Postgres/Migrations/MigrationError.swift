/// The reason why migrating stopped. Migrations that were applied before stay applied.
package enum MigrationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A migration file is invalid.
    case malformed(String)
    /// A newer release applied a migration that this release does not know.
    case databaseFromTheFuture(number: Int, name: String)
    /// The file of an applied migration has changed. Files are only added, never changed.
    case changed(name: String)
    /// Another process held the migration lock for the whole wait.
    case lockedOut(Duration)
    /// The server rejected a migration. It was rolled back, unless it ran outside a transaction.
    case failed(name: String, reason: String)
    /// The task was cancelled.
    case cancelled
    /// The database could not be reached, or the connection was lost.
    case unavailable(String)

    package var description: String {
        switch self {
        case .malformed(let reason): "invalid migrations: \(reason)"
        case .databaseFromTheFuture(let number, let name):
            "the database is ahead of this release: it has migration \(number), “\(name)”, which this release does not know"
        case .changed(let name):
            "migration “\(name)” was applied with different content; restore the file and add a new one instead"
        case .lockedOut(let time): "another process held the migration lock for \(time)"
        case .failed(let name, let reason): "migration “\(name)” failed: \(reason)"
        case .cancelled: "migration was cancelled"
        case .unavailable(let reason): "cannot reach the database: \(reason)"
        }
    }
}
