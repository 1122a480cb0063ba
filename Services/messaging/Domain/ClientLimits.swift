import Contracts

/// Limits the frames of one client: a rate, and a number of errors.
struct ClientRateLimit: Sendable {
    enum Verdict: Equatable {
        case allow
        /// The frame exceeds the rate and is not processed.
        case tooFast
        /// The client has made too many errors and must be disconnected.
        case disconnect
    }

    /// Errors that a client may make at once. One is forgiven every ``forgiveness`` seconds.
    static let mistakes = 8.0
    static let forgiveness = 10.0

    private var frames = TokenBucket()
    private var patience = TokenBucket()

    /// Counts a frame. Exceeding the rate counts as an error.
    ///
    /// - Parameter perSecond: the rate; twice as many frames may arrive at once.
    mutating func frame(at now: ContinuousClock.Instant, perSecond: Double) -> Verdict {
        if frames.take(at: now, capacity: perSecond * 2, perSecond: perSecond) { return .allow }
        return mistake(at: now) == .allow ? .tooFast : .disconnect
    }

    /// Counts a frame that cannot be processed.
    mutating func mistake(at now: ContinuousClock.Instant) -> Verdict {
        patience.take(at: now, capacity: Self.mistakes, perSecond: 1 / Self.forgiveness) ? .allow : .disconnect
    }
}

/// A token bucket that starts full. Its capacity and rate may change between calls.
struct TokenBucket: Sendable {
    private var level = Double.infinity
    private var filledAt: ContinuousClock.Instant?

    /// - Returns: whether there was a token.
    mutating func take(at now: ContinuousClock.Instant, capacity: Double, perSecond: Double) -> Bool {
        let elapsed = filledAt.map { max(0, (now - $0) / .seconds(1)) } ?? 0
        level = min(capacity, level + elapsed * perSecond)
        filledAt = now
        guard level >= 1 else { return false }
        level -= 1
        return true
    }
}

/// Limits how often a chat's members are shown that a user is typing: clients report every key. Bounded: a
/// user who was evicted is shown once more.
struct TypingThrottle: Sendable {
    private struct Key: Hashable {
        let user: UserID
        let chat: ChatID
    }

    private static let capacity = 10_000
    private var shown: [Key: ContinuousClock.Instant] = [:]

    /// - Returns: whether the interval since the last `true` has passed.
    mutating func isDue(_ user: UserID, in chat: ChatID, every interval: Duration, now: ContinuousClock.Instant) -> Bool {
        let key = Key(user: user, chat: chat)
        if let last = shown[key], now - last < interval { return false }
        if shown.count >= Self.capacity { shown = shown.filter { now - $0.value < interval } }
        if shown.count >= Self.capacity { shown = [:] }
        shown[key] = now
        return true
    }
}

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
