/// A standing connection.
package struct RedisSession: Hashable, Sendable {
    /// 1, 2, 3, … with every reconnect of this process.
    package let generation: Int
    /// Names the server's process (`run_id`): another one after every restart and every failover, so what was kept under its name is gone with it.
    package let server: String
}

/// What observers of a connection are told, on the I/O thread, in order.
package enum RedisStatus: Equatable, Sendable {
    case connected(RedisSession)
    /// All that waited for an answer have been told.
    case disconnected(RedisError)
}
