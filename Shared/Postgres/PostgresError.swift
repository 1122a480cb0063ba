/// Why a statement has no answer. Says what, whether it may have taken effect, and whether repeating can help.
package struct PostgresError: Error, Sendable {
    package enum Reason: Hashable, Sendable {
        /// The server refused the statement: see ``PostgresError/sqlState``. It was rolled back.
        case server
        /// There is no connection now. Nothing was sent; the answer took microseconds.
        case unavailable
        /// The queue for connections is full. Nothing was sent.
        case overloaded
        /// No connection came free in time. Nothing was sent.
        case acquireTimeout
        /// The caller's deadline passed; the statement is being cancelled on the server.
        case deadlineExceeded
        /// The caller's task was cancelled.
        case cancelled
        /// The connection went while the answer was awaited.
        case connectionLost
        /// A value cannot be sent, a text with U+0000 for example. Nothing was sent.
        case invalidParameter
        /// The answer has other columns, types or rows than were asked for. The statement itself succeeded.
        case unexpectedResult
        /// The transaction had failed or ended before. Nothing was sent.
        case transactionOver
    }

    package let reason: Reason
    /// For logs. Never holds a parameter; may hold names of tables and columns.
    package let message: String
    /// Whether the work may have been committed although there is no answer. False means: for certain it was not.
    package var mayHaveHappened: Bool
    /// What the server said, if it did.
    package let report: ServerReport?

    package init(_ reason: Reason, _ message: String, mayHaveHappened: Bool = false, report: ServerReport? = nil) {
        self.reason = reason
        self.message = message
        self.mayHaveHappened = mayHaveHappened
        self.report = report
    }

    package var sqlState: SQLState? { report?.sqlState }
    package var constraint: String? { report?.constraint }

    /// The same transaction, repeated from its beginning, may well succeed: a serialisation failure or a deadlock.
    package var isTransient: Bool { sqlState == .serializationFailure || sqlState == .deadlockDetected }

    /// The database is away, read-only or has no room: fit for a `503`. Nothing was done unless ``mayHaveHappened``.
    package var isUnavailable: Bool {
        switch reason {
        case .unavailable, .overloaded, .acquireTimeout, .connectionLost: true
        case .server: report?.sqlState.meansUnavailable ?? false
        default: false
        }
    }
}

extension SQLState {
    /// Insufficient resources (53), operator intervention (57), system error (58), or a read-only server. Not a cancelled statement.
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
    /// May hold values of rows: not for logs, never for clients.
    package let detail: String?
    package let hint: String?
    package let schema: String?
    package let table: String?
    package let column: String?
    package let constraint: String?
    /// Where in the statement, in characters from 1.
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

    /// The connection does not outlive it.
    var endsConnection: Bool { severity == "FATAL" || severity == "PANIC" }
}

extension PostgresError {
    /// A prepared statement is unknown to the server (its group failed before it was prepared), or a table behind it has changed.
    var isStaleStatement: Bool {
        sqlState == .invalidStatementName || sqlState == .featureNotSupported && message.hasPrefix("cached plan")
    }
}
