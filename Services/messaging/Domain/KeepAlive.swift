/// Detects dead clients. Call ``beat(isUnderWay:)`` once per heartbeat: a client that sends nothing gets a
/// ping, and is closed one heartbeat later if it has not answered.
struct KeepAlive: Sendable {
    enum Action: Equatable { case ping, close }

    private var hasReceived = true
    private var silentBeats = 0
    private var unfinishedBeats = 0

    /// A complete frame has arrived.
    mutating func recordFrame() { hasReceived = true }

    /// - Parameter isUnderWay: whether a message has begun and is not complete. After more than two
    ///   heartbeats it counts as dead, however many fragments arrive.
    mutating func beat(isUnderWay: Bool) -> Action {
        unfinishedBeats = isUnderWay ? unfinishedBeats + 1 : 0
        silentBeats = hasReceived ? 0 : silentBeats + 1
        hasReceived = false
        return silentBeats >= 2 || unfinishedBeats > 2 ? .close : .ping
    }
}
