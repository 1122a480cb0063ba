/// Detects a broker that hangs: it confirms or returns every message while it works.
///
/// Heartbeats detect it only after twenty seconds. Time is counted in ticks instead of read from a clock, so
/// that a process that was itself suspended handles what has arrived before it gives up.
struct BrokerWatchdog {
    enum Step: Equatable {
        /// No message is outstanding. No further tick is needed.
        case stop
        case `continue`
        /// No answer is expected until the broker sends something.
        case becameSilent
    }

    static let tick = Duration.milliseconds(250)
    /// The number of ticks without a sign of life after which the broker counts as silent.
    static let patience = 4

    private var outstanding = 0
    private var quietTicks = 0
    private var isTicking = false

    var isSilent: Bool { quietTicks >= Self.patience }

    /// Counts a sent message.
    ///
    /// - Returns: whether ticks must start.
    mutating func sent() -> Bool {
        outstanding += 1
        defer { isTicking = true }
        return !isTicking
    }

    /// Counts a message that was confirmed, returned, rejected or lost.
    mutating func settled() {
        outstanding -= 1
        quietTicks = 0
    }

    /// Records anything else from the broker.
    mutating func heard() { quietTicks = 0 }

    mutating func ticked() -> Step {
        if outstanding == 0 {
            isTicking = false
            return .stop
        }
        quietTicks = min(quietTicks + 1, Self.patience + 1)
        return quietTicks == Self.patience ? .becameSilent : .continue
    }
}
