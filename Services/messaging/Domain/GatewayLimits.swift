/// The resources that one gateway spends on its clients. Sizes are in bytes.
struct GatewayLimits: Hashable, Sendable {
    /// Bytes that may wait to be sent on one connection. Frames beyond it are skipped, and the client is sent
    /// `gap`.
    var outbound = 262_144
    /// Bytes that may wait on all connections. Beyond it, each connection gets a sixteenth of ``outbound``.
    var outboundInAll = 512 << 20
    /// How long a client may leave its frames unread before it is disconnected.
    var congestion = Duration.seconds(60)
    /// Bytes of the resume buffer of one session.
    var replay = 65_536
    /// Bytes of all resume buffers.
    var replayInAll = 128 << 20
    /// How long a session can be resumed after its socket was lost.
    var resume = Duration.seconds(60)
    /// Requests of one connection that may be in flight.
    var requests = 64
    /// Connections of one user. A further one replaces the oldest.
    var devices = 32
    /// How long clients stay connected while nothing can be delivered.
    var outage = Duration.seconds(30)
    /// How long a new connection waits for the previous owner to release the partition.
    var handover = Duration.seconds(3)
    /// How often a chat's members are shown that one user is typing.
    var typing = Duration.seconds(3)
    /// The interval of pings, in seconds.
    var heartbeatSeconds = 25
}
