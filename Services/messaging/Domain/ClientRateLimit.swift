/// What a client may do in which time: so many frames a second, and so many mistakes.
struct ClientRateLimit: Sendable {
    enum Verdict: Equatable {
        case fine
        /// Too much at once: this frame is not worked on.
        case tooFast
        /// It has been told often enough.
        case enough
    }

    /// Mistakes that are forgiven, one for each ``forgiveness`` seconds.
    static let mistakes = 8.0
    static let forgiveness = 10.0

    private var frames = TokenBucket()
    private var patience = TokenBucket()

    /// A frame has come.
    ///
    /// - Parameter perSecond: frames a second that it may send now, twice as many at once.
    mutating func frame(at now: ContinuousClock.Instant, perSecond: Double) -> Verdict {
        if frames.take(at: now, capacity: perSecond * 2, perSecond: perSecond) { return .fine }
        return mistake(at: now) == .fine ? .tooFast : .enough
    }

    /// A frame was none of ours.
    mutating func mistake(at now: ContinuousClock.Instant) -> Verdict {
        patience.take(at: now, capacity: Self.mistakes, perSecond: 1 / Self.forgiveness) ? .fine : .enough
    }
}

/// Fills up to its capacity, and begins full. Both may change from one time to the next.
struct TokenBucket: Sendable {
    private var level = Double.infinity
    private var filledAt: ContinuousClock.Instant?

    mutating func take(at now: ContinuousClock.Instant, capacity: Double, perSecond: Double) -> Bool {
        let time = filledAt.map { max(0, (now - $0) / .seconds(1)) } ?? 0
        level = min(capacity, level + time * perSecond)
        filledAt = now
        guard level >= 1 else { return false }
        level -= 1
        return true
    }
}
