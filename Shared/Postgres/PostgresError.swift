/// A failed statement or transaction: the cause, whether it may have taken effect, and whether a retry can
/// help.
package struct PostgresError: Error, Sendable {
    package enum Reason: Hashable, Sendable {
        /// The server rejected the statement, see ``PostgresError/sqlState``. It was rolled back.
        case server
        /// No connection is open. Nothing was sent; the call failed within microseconds.
        case unavailable
        /// The queue for connections is full. Nothing was sent.
        case overloaded
        /// No connection became available in time. Nothing was sent.
        case acquireTimeout
        /// The caller's deadline passed. The statement is being cancelled on the server.
        case deadlineExceeded
        /// The caller's task was cancelled.
        case cancelled
        /// The connection was lost before the answer arrived.
        case connectionLost
        /// A value cannot be sent, for example text with U+0000. Nothing was sent.
        case invalidParameter
        /// The answer does not have the requested columns, types or rows. The statement itself succeeded.
        case unexpectedResult
        /// The transaction had already failed or ended. Nothing was sent.
        case transactionOver
    }

    package let reason: Reason
    /// For logs. Never contains a parameter; may contain names of tables and columns.
    package let message: String
    /// Whether the work may have been committed. False means that it certainly was not.
    package var mayHaveHappened: Bool
    /// The server's report, if the server caused the error.
    package let report: ServerReport?

    package init(_ reason: Reason, _ message: String, mayHaveHappened: Bool = false, report: ServerReport? = nil) {
        self.reason = reason
        self.message = message
        self.mayHaveHappened = mayHaveHappened
        self.report = report
    }

    package var sqlState: SQLState? { report?.sqlState }
    package var constraint: String? { report?.constraint }

    /// Whether repeating the whole transaction may succeed: after a serialisation failure or a deadlock.
    package var isTransient: Bool { sqlState == .serializationFailure || sqlState == .deadlockDetected }

    /// Whether the database is unreachable, read-only or overloaded: fit for a `503`. Nothing was done unless
    /// ``mayHaveHappened``.
    package var isUnavailable: Bool {
        switch reason {
        case .unavailable, .overloaded, .acquireTimeout, .connectionLost: true
        case .server: report?.sqlState.meansUnavailable ?? false
        default: false
        }
    }
}

extension SQLState {
    /// Insufficient resources (53), operator intervention (57), system error (58), or a read-only server; not
    /// a cancelled statement.
    fileprivate var meansUnavailable: Bool {
        self == .readOnlyTransaction || ["53", "57", "58"].contains(errorClass) && self != .queryCanceled
    }
}

extension PostgresError: CustomStringConvertible {
    package var description: String {
        let state = sqlState.map { " \($0)" } ?? ""
        return "\(reason)\(state): \(message)\(mayHaveHappened ? " (may have happened)" : "")"
    }
}

/// An error as the server reports it.
package final class ServerReport: Sendable {
    package let sqlState: SQLState
    /// `FATAL` and `PANIC` end the connection.
    package let severity: String
    package let message: String
    /// May contain values of rows: neither for logs nor for clients.
    package let detail: String?
    package let hint: String?
    package let schema: String?
    package let table: String?
    package let column: String?
    package let constraint: String?
    /// The position in the statement, in characters from 1.
    package let position: Int?

    init(
        sqlState: SQLState, severity: String, message: String, detail: String?, hint: String?, schema: String?, table: String?,
        column: String?, constraint: String?, position: Int?
    ) {
        self.sqlState = sqlState
        self.severity = severity
        self.message = message
        self.detail = detail
        self.hint = hint
        self.schema = schema
        self.table = table
        self.column = column
        self.constraint = constraint
        self.position = position
    }

    /// Whether the server closes the connection after this error.
    var endsConnection: Bool { severity == "FATAL" || severity == "PANIC" }
}

extension PostgresError {
    /// Whether a prepared statement is unknown to the server, because its batch failed earlier, or a table it
    /// uses has changed.
    var isStaleStatement: Bool {
        sqlState == .invalidStatementName || sqlState == .featureNotSupported && message.hasPrefix("cached plan")
    }
}
