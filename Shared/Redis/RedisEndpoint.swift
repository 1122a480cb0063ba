/// The address of a Redis server, the credentials, and the limits of a connection.
package struct RedisEndpoint: Sendable {
    package var host: String
    package var port: Int
    /// The ACL user, which needs `INFO` besides the commands that are used; `nil` is the default user.
    package var user: String?
    /// Never logged; `nil` sends no `AUTH`.
    package var password: String?
    /// The name in `CLIENT LIST`: letters, digits, `-`, `_` and `.` only.
    package var clientName: String
    /// The limit of one attempt to connect. Connection, authentication and first reply take at most twice
    /// this.
    package var connectTimeout: Duration = .seconds(1)
    /// The default time to wait for a reply.
    package var commandTimeout: Duration = .milliseconds(250)
    /// A connection without data for this long while a reply is due is closed. Commands fail at once until
    /// the next connection is established.
    package var stallTimeout: Duration = .milliseconds(500)
    /// The maximum number of commands in flight, including abandoned ones.
    package var maxInFlight = 16_384
    /// The maximum number of bytes that wait for the socket.
    package var maxOutputBytes = 16 * 1_024 * 1_024

    package init(host: String, port: Int, user: String? = nil, password: String? = nil, clientName: String = "martlet") {
        self.host = host
        self.port = port
        self.user = user
        self.password = password
        self.clientName = clientName
    }
}
