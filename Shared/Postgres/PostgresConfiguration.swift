/// Where a database is, who we are there, and how much of it one process may take.
package struct PostgresConfiguration: Sendable {
    package struct Address: Sendable, Hashable {
        package var host: String
        package var port: Int
        package init(host: String, port: Int) {
            self.host = host
            self.port = port
        }
    }

    package enum TLS: Sendable, Hashable {
        case off
        /// Encrypted, the server's certificate signed by an authority of this PEM file, and made out to the host that is asked for.
        case verified(authorities: String)
        /// Encrypted; signed by an authority of this file, whatever the host's name.
        case verifiedAuthority(authorities: String)
        /// Encrypted, but anyone may be the server: against listening only.
        case unverified
    }

    package var address: Address
    package var database: String
    package var user: String
    package var password: String
    package var tls = TLS.off
    /// What the server shows in its list of sessions.
    package var applicationName = "martlet"

    /// Past PgBouncer, for what needs a session of its own: migrations. `nil`: the same as ``address``.
    package var directAddress: Address?

    /// False behind PgBouncer in transaction mode: no named statements, and no settings at connecting either, they come from the role
    /// (`ALTER ROLE … SET statement_timeout = '5s'`, `search_path`, `idle_in_transaction_session_timeout`).
    package var namedStatements = true
    /// Statements kept prepared per connection; the one unused for longest goes first.
    package var statementCacheSize = 256

    /// Connections that statements of all callers share, pipelined.
    package var sharedConnections = 2
    /// Connections for transactions and `COPY`, one caller at a time each; opened when first needed.
    package var exclusiveConnections = 4
    /// Statements that may await their answer on one shared connection; more wait here.
    package var pipelineDepth = 128
    /// Callers that may wait, for a shared and for an exclusive connection each; further ones are refused at once.
    package var queueLimit = 1_024
    /// How long a caller waits for a connection.
    package var acquireTimeout = Duration.seconds(1)

    /// The server gives up a statement after this time; not sent without ``namedStatements``, but expected of the role.
    package var statementTimeout = Duration.seconds(5)
    /// How long a `COPY` may take whose transaction has no deadline.
    package var copyTimeout = Duration.seconds(60)
    /// The server ends a transaction in which nothing happens for this time. Not sent without ``namedStatements``.
    package var idleInTransactionTimeout = Duration.seconds(3)
    /// For name look-up excluded, TCP, TLS and login: in whole seconds, 2 at least.
    package var connectTimeout = Duration.seconds(3)
    /// Overrides the role's `search_path`, for tests that have a schema each. Not sent without ``namedStatements``.
    package var schema: String?

    package init(host: String, port: Int, database: String, user: String, password: String) {
        address = Address(host: host, port: port)
        self.database = database
        self.user = user
        self.password = password
    }
}
