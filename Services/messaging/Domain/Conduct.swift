/// What a client may do in which time: so many frames a second, and so many mistakes.
struct Conduct: Sendable {
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

    private var frames: Bucket
    private var patience = Bucket(capacity: Conduct.mistakes, perSecond: 1 / Conduct.forgiveness)

    /// - Parameter perSecond: frames a second, twice as many at once.
    init(perSecond: Double) { frames = Bucket(capacity: perSecond * 2, perSecond: perSecond) }

    /// A frame has come.
    mutating func frame(at now: ContinuousClock.Instant) -> Verdict {
        if frames.take(at: now) { return .fine }
        return mistake(at: now) == .fine ? .tooFast : .enough
    }

    /// A frame was none of ours.
    mutating func mistake(at now: ContinuousClock.Instant) -> Verdict { patience.take(at: now) ? .fine : .enough }
}

/// Fills at a constant rate up to its capacity, and begins full.
struct Bucket: Sendable {
    private let capacity: Double
    private let perSecond: Double
    private var level: Double
    private var filledAt: ContinuousClock.Instant?

    init(capacity: Double, perSecond: Double) {
        (self.capacity, self.perSecond) = (capacity, perSecond)
        level = capacity
    }

    mutating func take(at now: ContinuousClock.Instant) -> Bool {
        if let filledAt {
            level = min(capacity, level + max(0, (now - filledAt) / .seconds(1)) * perSecond)
        }
        filledAt = now
        guard level >= 1 else { return false }
        level -= 1
        return true
    }
}
