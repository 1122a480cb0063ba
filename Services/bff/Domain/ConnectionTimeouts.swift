/// How long a connection may stay in a phase. All times are uptimes: durations since the same unspecified
/// moment.
struct ConnectionTimeouts {
    enum Phase: Equatable {
        /// No request is under way, or its head is not complete.
        case idle
        /// The head is complete, the body is not.
        case body
        /// The application works on a request and bounds its time itself.
        case working
        /// The client reads its responses more slowly than they are made, or has not read the last one.
        case writing
    }

    enum Verdict: Equatable { case wait(until: Duration), expired(Phase), unlimited }

    private(set) var phase = Phase.idle
    private var since: Duration

    init(now: Duration) { since = now }

    /// Entering the present phase again does not restart its time.
    mutating func enter(_ phase: Phase, at now: Duration) {
        if phase == self.phase { return }
        self.phase = phase
        since = now
    }

    func verdict(at now: Duration) -> Verdict {
        guard let limit = Self.limit(of: phase) else { return .unlimited }
        return since + limit <= now ? .expired(phase) : .wait(until: since + limit)
    }

    private static func limit(of phase: Phase) -> Duration? {
        switch phase {
        case .idle: .seconds(60)
        case .body: .seconds(10)
        case .writing: .seconds(30)
        case .working: nil
        }
    }
}
