import Contracts

/// The numbered frames of one client. A session outlives its socket for a while, so that the client can
/// resume it.
struct ClientSession: Sendable {
    struct ID: Hashable, Sendable {
        /// Unique in this process; clients see it.
        let number: UInt64
        /// The index in ``ClientSessionTable``.
        let slot: Int
    }

    let userID: UserID
    let sessionID: SessionID
    /// The number of the latest frame; 0 before the first.
    private(set) var lastN: Int64 = 0
    private(set) var replay = ReplayBuffer()
    /// When the socket was lost, since the start of the gateway; `nil` while there is one.
    private(set) var parkedAt: Duration?
    /// The latest frame that the client can have received when the socket was lost.
    private var parkedN: Int64 = 0
    /// Requests that are in flight or queued.
    var requests = 0
    var sends = SendQueue()
    var echoes = SenderEchoFilter()
    private var acknowledged: (n: Int64, at: Duration)?

    /// How long acknowledged frames stay: a page that is reloaded may ask for them again.
    private static let acknowledgedFor = Duration.seconds(60)

    init(userID: UserID, sessionID: SessionID) {
        self.userID = userID
        self.sessionID = sessionID
    }

    /// Records that the client has a socket.
    mutating func unpark() { parkedAt = nil }

    /// Records that the socket was lost.
    mutating func park(at now: Duration) {
        parkedAt = now
        parkedN = lastN
    }

    /// Gives the next number to a frame and stores it in the resume buffer.
    ///
    /// - Parameter limit: bytes of the buffer.
    /// - Returns: the number, and the change of the buffer's size in bytes.
    mutating func append(_ text: ServerFrame.Text, limit: Int) -> (n: Int64, growth: Int) {
        let before = replay.bytes
        lastN += 1
        replay.append(text, limit: limit)
        return (lastN, replay.bytes - before)
    }

    /// Whether a client that returns can be sent every frame that it missed.
    var canResume: Bool { parkedAt == nil || replay.before <= parkedN }

    /// Returns the frames after number `n`; `nil` unless all of them are in the buffer.
    func missed(after n: Int64) -> ArraySlice<ServerFrame.Text>? { n > lastN ? nil : replay.frames(after: n) }

    /// Drops frames that the client acknowledged more than a minute ago.
    ///
    /// - Parameter n: the payload of a pong, which may be anything (RFC 6455, 5.5.3). Ignored unless in
    ///   `0...lastN`.
    mutating func acknowledge(upTo n: Int64, at now: Duration) {
        guard (0...lastN).contains(n) else { return }
        guard let acknowledged else { return self.acknowledged = (n, now) }
        guard now - acknowledged.at >= Self.acknowledgedFor else { return }
        replay.forget(upTo: acknowledged.n)
        self.acknowledged = (n, now)
    }

    mutating func forgetReplay() { replay.forgetAll() }
}

/// The last frames of a session, for a client that resumes it. Bounded in bytes.
struct ReplayBuffer: Sendable {
    /// The number of the first frame in the buffer.
    private var first: Int64 = 1
    /// The frames without their numbers.
    private var texts: [ServerFrame.Text] = []
    private(set) var bytes = 0

    /// Appends the next frame; drops the oldest ones beyond `limit` bytes.
    mutating func append(_ text: ServerFrame.Text, limit: Int) {
        texts.append(text)
        bytes += text.count
        var (excess, rest) = (0, bytes)
        while rest > limit, excess < texts.count {
            rest -= texts[excess].count
            excess += 1
        }
        drop(excess)
    }

    /// The number of the frame before the first in the buffer.
    var before: Int64 { first - 1 }

    /// Returns the frames after number `n`; `nil` unless all of them are here.
    ///
    /// - Parameter n: at least 0.
    func frames(after n: Int64) -> ArraySlice<ServerFrame.Text>? {
        guard n >= before, n - before <= Int64(texts.count) else { return nil }
        return texts[Int(n - before)...]
    }

    /// Drops the frames up to number `n`; numbers that are not in the buffer are ignored.
    mutating func forget(upTo n: Int64) {
        // Compared before subtracting: `n` comes from the client.
        guard n >= first else { return }
        drop(n - first >= Int64(texts.count) ? texts.count : Int(n - first) + 1)
    }

    mutating func forgetAll() { drop(texts.count) }

    private mutating func drop(_ count: Int) {
        if count == 0 { return }
        for text in texts.prefix(count) { bytes -= text.count }
        first += Int64(count)
        if count == texts.count { texts = [] } else { texts.removeFirst(count) }
    }
}

/// The messages that a connection has sent and not been shown: it gets their `ack`, and the user's other
/// devices get the message. Bounded: the connection may be shown the message of the oldest ones too, which
/// clients recognise by `seq`.
struct SenderEchoFilter: Sendable {
    struct Key: Hashable, Sendable {
        let chatID: ChatID
        let clientMessageID: ClientMessageID
    }

    static let capacity = 256
    private var keys: [Key] = []

    mutating func insert(_ key: Key) {
        if keys.count >= Self.capacity { keys.removeFirst() }
        keys.append(key)
    }

    /// - Returns: whether the key was there.
    mutating func remove(_ key: Key) -> Bool {
        guard let index = keys.firstIndex(of: key) else { return false }
        keys.remove(at: index)
        return true
    }
}

/// The sends of one connection. Those to one chat are performed one after the other: several processes may
/// work on sends that are in flight together, in any order.
struct SendQueue: Sendable {
    struct Entry: Hashable, Sendable {
        let send: SendFrame
        /// Counts from when the client submitted the send, so that waits in the queue do not add up.
        let deadline: Timestamp
    }

    /// The entries that wait, by chat; a chat without a send in flight has none.
    private var waiting: [ChatID: [Entry]] = [:]

    /// - Returns: whether the send can start now. Otherwise ``finish(in:)`` returns it later.
    mutating func enqueue(_ entry: Entry) -> Bool {
        if waiting[entry.send.chatID]?.append(entry) != nil { return false }
        waiting[entry.send.chatID] = []
        return true
    }

    /// Records that the send in flight has ended.
    ///
    /// - Returns: the next one to that chat.
    mutating func finish(in chat: ChatID) -> Entry? {
        guard waiting[chat]?.isEmpty == false else {
            waiting[chat] = nil
            return nil
        }
        return waiting[chat]?.removeFirst()
    }
}
