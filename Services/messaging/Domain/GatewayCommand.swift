import Contracts

/// An open socket, by its index in the gateway's table. The index is reused after the socket has closed.
struct SocketID: Hashable, Sendable {
    let index: Int
}

/// Why the gateway closes a socket; the raw value is the WebSocket close code.
enum CloseReason: UInt16, Sendable {
    case goingAway = 1_001
    case policyViolation = 1_008
    /// Another instance serves the user.
    case moved = 4_001
    /// The user's session has ended.
    case revoked = 4_003
}

/// An effect that ``GatewayState`` asks for.
enum GatewayCommand: Hashable, Sendable {
    /// Sends the frame with number `n`.
    case send(ServerFrame.Text, n: Int64, SocketID)
    /// Sends a frame without a number, after the frame with number `lastN`.
    case greet(ServerFrame.Text, lastN: Int64, SocketID)
    /// Processes frames of the client from now on.
    case open(SocketID)
    case close(SocketID, CloseReason)
    /// Reports once most of the bytes that wait in the socket have been sent.
    case reportDrain(SocketID)
    /// Reports that the last connection of partitions that moved elsewhere is closed.
    case reportRelease
    /// Accepts or refuses further handshakes.
    case acceptHandshakes(Bool)
    /// Calls ``GatewayState/releaseHeldMessages(given:)`` after ``MessageSequencer/patience``.
    case scheduleRelease
    case perform(ClientRequest, ClientSession.ID)
    /// Reports, with others, that the user received the chat up to this `seq`.
    case addReceipt(UserID, ChatID, seq: Int64)
    case changePresence(PresenceChange)
    case record(GatewayOccurrence)
}

/// A client's request that a service answers.
enum ClientRequest: Hashable, Sendable {
    case send(SendQueue.Entry, UserID)
    case markRead(UserID, ChatID, seq: Int64)
    case showTyping(UserID, ChatID)
}

/// A change that concerns the presence of users.
enum PresenceChange: Hashable, Sendable {
    /// A device of the user has a socket.
    case connected(UserID, SessionID)
    /// The device has no socket any more.
    case disconnected(UserID, SessionID)
    /// Another instance serves the user now.
    case moved(UserID)
    /// The other user became a contact of the first, or ceased to be one.
    case contactChanged(UserID, other: UserID)
    /// Another instance sent this; `online` are the recipients that are connected here.
    case received(Delivery.Presence, online: [UserID])
}

/// An occurrence that is counted or logged.
enum GatewayOccurrence: Hashable, Sendable {
    case framesSkipped, clientTooSlow, messageOutOfOrder, sessionResumed, clientMoved
    /// All sessions must resynchronise.
    case deliveryGap(sessions: Int)
}

/// Whether a client's session may be served.
enum SessionStatus: Hashable, Sendable {
    case valid, revoked
    /// The list of revocations is not current.
    case unknown
}

/// The outside world, as the rules read it while they process one event.
protocol GatewayInputs {
    /// Monotonic time, the same throughout the event.
    var now: ContinuousClock.Instant { get }
    /// This machine's clock, for comparison with `sentAt` of messages.
    var wallClock: Timestamp { get }
    /// The time by which a send that the client submits now must be answered.
    var sendDeadline: Timestamp { get }
    /// Whether the list of revoked sessions is current.
    var knowsRevocations: Bool { get }
    func status(of session: SessionID) -> SessionStatus
    /// Bytes that were given to the socket and have not left it.
    func bytesWaiting(in socket: SocketID) -> Int
    /// The URL of the instance that serves the partition; `nil` while unknown.
    func url(of partition: Int) -> String?
    /// Milliseconds that a disconnected client waits before it reconnects, so that clients do not arrive
    /// together.
    func reconnectDelay() -> Int
}
