import NIOCore

/// How long a connection may take for what, and when it has taken too long. Pure.
struct ConnectionTimeouts {
    enum Phase: Equatable {
        /// No request is under way, or its head is not whole.
        case idle
        /// The head is here, the body is not.
        case body
        /// The application has a request in hand, and bounds its time itself.
        case working
        /// The client does not read its responses as fast as they are made, or has not read the last one.
        case writing
    }

    enum Verdict: Equatable { case wait(until: NIODeadline), expired(Phase), never }

    private static let bounds: [Phase: TimeAmount] = [.idle: .seconds(60), .body: .seconds(10), .writing: .seconds(30)]

    private(set) var phase = Phase.idle
    private var since: NIODeadline

    init(now: NIODeadline) { since = now }

    /// Entering the present phase again does not restart its time.
    mutating func enter(_ phase: Phase, at now: NIODeadline) {
        if phase == self.phase { return }
        self.phase = phase
        since = now
    }

    func verdict(at now: NIODeadline) -> Verdict {
        guard let bound = Self.bounds[phase] else { return .never }
        return since + bound <= now ? .expired(phase) : .wait(until: since + bound)
    }
}
