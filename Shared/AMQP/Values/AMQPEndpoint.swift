/// Where a broker is, who we are to it, and the bounds of one connection.
package struct AMQPEndpoint: Sendable {
    package var host: String
    package var port: Int
    package var vhost: String
    package var user: String
    package var password: String
    /// `nil` is plain TCP.
    package var tls: AMQPTLS?
    /// What the broker's operators see.
    package var connectionName: String
    /// Whole seconds, 1...600. Two of them without a byte from the broker and the connection is given up.
    package var heartbeat: Duration = .seconds(10)
    /// For the look-up of the name and the connection together, and again for login. At most 60 s.
    package var connectTimeout: Duration = .seconds(5)
    /// How long `run()` waits for outstanding confirms when it is asked to stop.
    package var drainTimeout: Duration = .seconds(5)
    /// What may wait to be written. Sends beyond it are refused, publishes wait.
    package var maxOutputBytes = 8 << 20
    /// The largest body taken in. A larger delivery is skipped byte by byte and rejected without requeueing.
    package var maxBodyBytes = 16 << 20
    /// The wait before trying again: grows from the first to the second, each jittered down by up to a half.
    package var backoff: ClosedRange<Duration> = .milliseconds(100)...(.seconds(1))

    /// For connections where confirmations are not waited for: one that comes alone is read a millisecond or two later, with what comes next.
    package var confirmationsMayWait = false

    package init(
        host: String, port: Int, vhost: String = "/", user: String, password: String, tls: AMQPTLS? = nil, connectionName: String
    ) {
        self.host = host
        self.port = port
        self.vhost = vhost
        self.user = user
        self.password = password
        self.tls = tls
        self.connectionName = connectionName
    }
}

/// TLS to the broker. Its certificate is always verified, its name too.
package struct AMQPTLS: Sendable {
    /// A PEM file with the authorities to trust; `nil` trusts the system's.
    package var authorities: String?
    /// The name the certificate must have; `nil` is the endpoint's host. A certificate for the address that was reached will also do.
    package var serverName: String?

    package init(authorities: String? = nil, serverName: String? = nil) {
        self.authorities = authorities
        self.serverName = serverName
    }
}
