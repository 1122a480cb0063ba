/// Why a database was not brought to the wanted state. What had been applied before stays.
package enum MigrationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The files themselves are wrong.
    case malformed(String)
    /// A newer release was here: it applied a migration that this one does not know.
    case databaseFromTheFuture(number: Int, name: String)
    /// A migration that was applied reads differently now. Files are never changed, only added.
    case changed(name: String)
    /// Another process held the migrations' lock all the time.
    case lockedOut(Duration)
    /// The server refused a migration; it was rolled back, unless it ran outside a transaction.
    case failed(name: String, reason: String)
    /// The task was cancelled between two steps.
    case cancelled
    /// The database could not be reached, or went away.
    case unavailable(String)

    package var description: String {
        switch self {
        case .malformed(let reason): "migrations are malformed: \(reason)"
        case .databaseFromTheFuture(let number, let name):
            "the database is ahead of this release: it has migration \(number), “\(name)”, which this release does not know"
        case .changed(let name):
            "migration “\(name)” was applied with another content; restore the file and add a new one instead"
        case .lockedOut(let time): "another process was migrating for \(time)"
        case .failed(let name, let reason): "migration “\(name)” failed: \(reason)"
        case .cancelled: "migrating was cancelled"
        case .unavailable(let reason): "the database cannot be reached: \(reason)"
        }
    }
}
