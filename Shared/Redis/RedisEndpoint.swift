/// Where a Redis is, who we are there, and how much we ask of it.
package struct RedisEndpoint: Sendable {
    package var host: String
    package var port: Int
    /// A user of Redis' access lists, who must be allowed `INFO` beside the commands used; `nil` is the default user.
    package var user: String?
    /// Never logged; `nil` sends no `AUTH`.
    package var password: String?
    /// Shows in `CLIENT LIST`: letters, digits, `-`, `_` and `.` only.
    package var clientName: String
    /// For each attempt: reaching it, signing in and its first answer, together at most twice this.
    package var connectTimeout: Duration = .seconds(1)
    /// How long a command waits for its answer unless it says otherwise.
    package var commandTimeout: Duration = .milliseconds(250)
    /// A connection that says nothing for this long while an answer is due is given up; until the next one stands, callers fail at once.
    package var stallTimeout: Duration = .milliseconds(500)
    /// Commands that wait for an answer at one time, the abandoned ones included.
    package var maxInFlight = 16_384
    /// Bytes of commands that the socket has not taken yet.
    package var maxOutputBytes = 16 * 1_024 * 1_024

    package init(host: String, port: Int, user: String? = nil, password: String? = nil, clientName: String = "martlet") {
        self.host = host
        self.port = port
        self.user = user
        self.password = password
        self.clientName = clientName
    }
}
