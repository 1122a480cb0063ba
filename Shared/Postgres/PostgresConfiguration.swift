/// The address and credentials of a database, and the limits of one process that uses it.
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
        /// Encrypted. The certificate must be signed by an authority of this PEM file and name the requested
        /// host.
        case verified(authorities: String)
        /// Encrypted. The certificate must be signed by an authority of this PEM file; the host name is not
        /// checked.
        case verifiedAuthority(authorities: String)
        /// Encrypted without verification: protects against eavesdropping only.
        case unverified
    }

    package var address: Address
    package var database: String
    package var user: String
    package var password: String
    package var tls = TLS.off
    /// The name in the server's list of sessions.
    package var applicationName = "martlet"

    /// An address that bypasses PgBouncer, for work that needs a session of its own: migrations. `nil`:
    /// ``address``.
    package var directAddress: Address?

    /// Whether to use named statements and session settings. Set it to false behind PgBouncer in transaction
    /// mode.
    ///
    /// The settings then come from the role: `ALTER ROLE … SET statement_timeout = '5s'`, `search_path`,
    /// `idle_in_transaction_session_timeout`.
    package var namedStatements = true
    /// The number of prepared statements per connection; the least recently used one is evicted.
    package var statementCacheSize = 256

    /// The number of connections that statements of all callers share, pipelined.
    package var sharedConnections = 2
    /// The maximum number of connections for transactions and `COPY`, one caller each; opened on demand.
    package var exclusiveConnections = 4
    /// The number of statements in flight per shared connection; further ones wait in the pool.
    package var pipelineDepth = 128
    /// The number of callers that may wait for shared and for exclusive connections, each; further ones are
    /// rejected.
    package var queueLimit = 1_024
    /// How long a caller waits for a connection.
    package var acquireTimeout = Duration.seconds(1)

    /// The server's time limit for a statement. Not sent without ``namedStatements``; the role must set it
    /// then.
    package var statementTimeout = Duration.seconds(5)
    /// The time limit for a `COPY` in a transaction without a deadline.
    package var copyTimeout = Duration.seconds(60)
    /// The server's time limit for an idle transaction. Not sent without ``namedStatements``.
    package var idleInTransactionTimeout = Duration.seconds(3)
    /// The time limit for TCP, TLS and login, without name resolution. Whole seconds, at least 2.
    package var connectTimeout = Duration.seconds(3)
    /// Overrides the role's `search_path`, for tests with a schema each. Not sent without
    /// ``namedStatements``.
    package var schema: String?

    package init(host: String, port: Int, database: String, user: String, password: String) {
        address = Address(host: host, port: port)
        self.database = database
        self.user = user
        self.password = password
    }
}
