/// How much of everything one instance gives to its clients. Bytes, unless said otherwise.
struct GatewayLimits: Sendable {
    /// Waiting to leave, for each connection; what does not fit is left out, and the client told.
    var outbound = 262_144
    /// Waiting in all: beyond that it is a sixteenth for each connection, until there is room again.
    var outboundInAll = 512 << 20
    /// For which a client may take next to nothing of what waits for it.
    var congestion = Duration.seconds(60)
    /// Kept of a connection for its client to come back to.
    var replay = 65_536
    /// Kept in all for that.
    var replayInAll = 128 << 20
    /// For which a client may come back.
    var resume = Duration.seconds(60)
    /// Requests of one connection that are worked on at once.
    var requests = 64
    /// Connections of one user; a further one takes the place of the oldest.
    var devices = 32
    /// For which clients are kept while nothing can be delivered.
    var outage = Duration.seconds(30)
    /// For which a client waits for whoever has its user still.
    var handover = Duration.seconds(3)
    /// Whoever has written in a chat is shown to write once in this time.
    var typing = Duration.seconds(3)
    /// Between two frames from the server, at most: a ping if nothing else. Seconds.
    var heartbeatSeconds = 25
}
