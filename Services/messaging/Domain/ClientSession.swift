import Contracts

/// One client's stream of numbered frames. It outlives the socket by a while, for the client to come back to.
struct ClientSession: Sendable {
    struct ID: Hashable, Sendable {
        let number: UInt64
    }

    let userID: UserID
    let sessionID: SessionID
    /// Of the frame that was given last; 0 before the first.
    private(set) var lastN: Int64 = 0
    private(set) var replay = ReplayBuffer()
    private static let secondChance = Duration.seconds(60)
    private var confirmed: (n: Int64, at: ContinuousClock.Instant)?
    /// When the socket was lost; `nil` while there is one.
    private(set) var parkedAt: ContinuousClock.Instant?
    /// The last frame that its client can have seen, then.
    private var parkedN: Int64 = 0
    /// Since when frames are left out that no `gap` has told of yet.
    var gappedAt: ContinuousClock.Instant?
    var isGapped: Bool { gappedAt != nil }
    /// Requests of the client that are being worked on.
    var requests = 0
    var sendOrder = SendQueue()
    var ownSends = SenderEchoFilter()

    init(userID: UserID, sessionID: SessionID) { (self.userID, self.sessionID) = (userID, sessionID) }

    /// Gives the next number to a frame and keeps it for a client that comes back.
    ///
    /// - Parameter limit: bytes that may be kept.
    mutating func number(_ text: ReplayBuffer.Text, limit: Int) -> Int64 {
        lastN += 1
        replay.append(text, limit: limit)
        return lastN
    }

    mutating func park(at now: ContinuousClock.Instant) { (parkedAt, parkedN) = (now, lastN) }
    mutating func unpark() { parkedAt = nil }

    /// Whether a client may find here all that it has missed, whatever it has seen.
    var isWorthKeeping: Bool { parkedAt == nil || replay.before <= parkedN }

    /// What came after frame `n`, if nothing of it is lost.
    func missed(after n: Int64) -> ArraySlice<ReplayBuffer.Text>? { n > lastN ? nil : replay.frames(after: n) }

    /// The client has certainly received everything up to `n`; what it may have lost again, as with a page that is loaded anew, is kept for a minute.
    ///
    /// - Parameter n: as the client's pong says, which may be anything (RFC 6455, 5.5.3); ignored unless in `0...lastN`.
    mutating func received(upTo n: Int64, at now: ContinuousClock.Instant) {
        guard (0...lastN).contains(n) else { return }
        guard let confirmed else { return self.confirmed = (n, now) }
        guard now - confirmed.at >= Self.secondChance else { return }
        replay.forget(upTo: confirmed.n)
        self.confirmed = (n, now)
    }

    mutating func forgetReplay() { replay.forgetAll() }
}
