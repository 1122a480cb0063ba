/// The address and credentials of a broker, and the limits of one connection.
package struct AMQPEndpoint: Sendable {
    package var host: String
    package var port: Int
    package var vhost: String
    package var user: String
    package var password: String
    /// TLS settings; `nil` uses plain TCP.
    package var tls: AMQPTLS?
    /// The connection's name in the broker's management tools.
    package var connectionName: String
    /// Whole seconds, 1...600. After two intervals without input the connection is dropped.
    package var heartbeat: Duration = .seconds(10)
    /// The time limit for name resolution and connecting together, and again for login. At most 60 s.
    package var connectTimeout: Duration = .seconds(5)
    /// How long `run()` waits for outstanding confirms at shutdown.
    package var drainTimeout: Duration = .seconds(5)
    /// The size of the output buffer. Beyond it `send` throws and `publish` waits.
    package var maxOutputBytes = 8 << 20
    /// The largest accepted body. A larger delivery is skipped without buffering and rejected without
    /// requeueing.
    package var maxBodyBytes = 16 << 20
    /// The reconnect delay: grows from the lower to the upper bound, with jitter of up to minus one half.
    package var backoff: ClosedRange<Duration> = .milliseconds(100)...(.seconds(1))

    /// Whether confirms may be read with a delay of 1 to 2 ms, together with later input.
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

/// TLS to the broker. The certificate and its name are always verified.
package struct AMQPTLS: Sendable {
    /// A PEM file with trusted authorities; `nil` trusts the system's.
    package var authorities: String?
    /// The name in the certificate; `nil` is the endpoint's host. A certificate for the connected address is
    /// accepted too.
    package var serverName: String?

    package init(authorities: String? = nil, serverName: String? = nil) {
        self.authorities = authorities
        self.serverName = serverName
    }
}
