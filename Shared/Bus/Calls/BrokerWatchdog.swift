/// Tells a broker that says nothing from one that has nothing to say: while it lives, it confirms or returns what was sent to it.
///
/// Heartbeats find a broker that hangs only after twenty seconds. Time is counted in ticks instead of read from a clock, so that a process that was stopped itself
/// and wakes up hears what has arrived before it gives up.
struct BrokerWatchdog {
    enum Step: Equatable {
        /// Nothing is outstanding: no further tick is needed.
        case rest
        case goOn
        /// Nothing can be hoped for until the broker is heard again.
        case becameSilent
    }

    static let tick = Duration.milliseconds(250)
    /// Ticks without a sign of life; at the end of the last the broker counts as silent.
    static let patience = 4

    private var outstanding = 0
    private var quietTicks = 0
    private var isTicking = false

    var isSilent: Bool { quietTicks >= Self.patience }

    /// A message has left.
    ///
    /// - Returns: whether ticks must begin.
    mutating func sent() -> Bool {
        outstanding += 1
        defer { isTicking = true }
        return !isTicking
    }

    /// A message was confirmed, returned, refused or lost.
    mutating func settled() {
        outstanding -= 1
        quietTicks = 0
    }

    /// Something else came from the broker.
    mutating func heard() { quietTicks = 0 }

    mutating func ticked() -> Step {
        if outstanding == 0 {
            isTicking = false
            return .rest
        }
        quietTicks = min(quietTicks + 1, Self.patience + 1)
        return quietTicks == Self.patience ? .becameSilent : .goOn
    }
}
