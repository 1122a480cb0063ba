import Contracts

/// Decides whether a dependency may be called: pure, time and chance come from outside.
///
/// Closed: all calls pass, and their outcomes are counted over a rolling window; too many failures open it. Open: no call passes until its time is over, which
/// doubles from failure to failure up to a limit. Half open: a few calls pass as trials; if all succeed it closes, if one fails it opens again.
/// Times are durations since any fixed moment; they never go back.
struct CircuitBreakerState: Sendable {
    enum Phase: Equatable, Sendable {
        case closed
        case open(until: Duration)
        case halfOpen(inFlight: Int, succeeded: Int)
    }

    /// What ends a call that was let through.
    enum Outcome: Sendable {
        case success
        case failure
        /// Says nothing about the dependency: the caller went away.
        case abandoned
    }

    /// Belongs to one call; worthless once the phase in which it was given has passed.
    struct Permit: Equatable, Sendable {
        fileprivate let era: Int
    }

    private struct Slice: Sendable {
        var number: Int64 = .min
        var successes = 0
        var failures = 0
    }

    private var policy: CircuitBreakerPolicy
    private(set) var phase = Phase.closed
    /// Goes up with every change of phase, so that late answers to earlier calls do not count.
    private var era = 0
    private var slices = [Slice](repeating: Slice(), count: sliceCount)
    /// Times it opened since it was last closed.
    private var openings = 0

    private static let sliceCount = 10

    init(_ policy: CircuitBreakerPolicy) { self.policy = policy }

    /// From now on it goes by `policy`. What was counted goes on counting, unless the window is another; an open circuit stays open for as long as it was to.
    mutating func use(_ policy: CircuitBreakerPolicy) {
        if policy.window != self.policy.window { slices = [Slice](repeating: Slice(), count: Self.sliceCount) }
        self.policy = policy
        // As many trials as it now takes have succeeded: no further one would be let through to end it.
        if case .halfOpen(_, let succeeded) = phase, succeeded >= policy.trials { close() }
    }

    /// Lets a call through, or says after how long to ask again.
    mutating func ask(at now: Duration) -> Result<Permit, CircuitOpen> {
        switch phase {
        case .closed: return .success(Permit(era: era))
        case .open(let until) where now < until: return .failure(CircuitOpen(retryAfter: until - now))
        case .open: enter(.halfOpen(inFlight: 0, succeeded: 0))
        case .halfOpen: break
        }
        guard case .halfOpen(let inFlight, let succeeded) = phase, inFlight + succeeded < policy.trials else {
            return .failure(CircuitOpen(retryAfter: policy.open))
        }
        phase = .halfOpen(inFlight: inFlight + 1, succeeded: succeeded)
        return .success(Permit(era: era))
    }

    /// - Parameter chance: 0 to 1; moves the time it stays open by up to a quarter either way.
    mutating func finish(_ permit: Permit, _ outcome: Outcome, at now: Duration, chance: Double) {
        guard permit.era == era else { return }
        switch (phase, outcome) {
        case (.closed, .abandoned), (.open, _): break
        case (.closed, .success): count(at: now) { $0.successes += 1 }
        case (.closed, .failure):
            count(at: now) { $0.failures += 1 }
            if tooManyFailures(at: now) { open(at: now, chance: chance) }
        case (.halfOpen(let inFlight, let succeeded), .success):
            if succeeded + 1 >= policy.trials {
                close()
            } else {
                phase = .halfOpen(inFlight: inFlight - 1, succeeded: succeeded + 1)
            }
        case (.halfOpen(let inFlight, let succeeded), .abandoned): phase = .halfOpen(inFlight: inFlight - 1, succeeded: succeeded)
        case (.halfOpen, .failure): open(at: now, chance: chance)
        }
    }

    /// Calls and failures within the window that ends now.
    func counts(at now: Duration) -> (calls: Int, failures: Int) {
        let current = sliceNumber(now)
        return slices.filter { $0.number > current - Int64(Self.sliceCount) }
            .reduce((0, 0)) { ($0.0 + $1.successes + $1.failures, $0.1 + $1.failures) }
    }

    private func tooManyFailures(at now: Duration) -> Bool {
        let (calls, failures) = counts(at: now)
        return calls >= policy.minimumCalls && Double(failures) >= policy.failureRatio * Double(calls)
    }

    private mutating func open(at now: Duration, chance: Double) {
        let doubled = policy.open * (1 << min(openings, 10))
        openings += 1
        let jitter = 0.75 + 0.5 * min(1, max(0, chance))
        enter(.open(until: now + min(doubled, policy.openLimit) * jitter))
    }

    private mutating func close() {
        slices = [Slice](repeating: Slice(), count: Self.sliceCount)
        openings = 0
        enter(.closed)
    }

    private mutating func enter(_ next: Phase) {
        era += 1
        phase = next
    }

    private mutating func count(at now: Duration, _ change: (inout Slice) -> Void) {
        let number = sliceNumber(now)
        let index = Int(number.quotientAndRemainder(dividingBy: Int64(Self.sliceCount)).remainder)
        if slices[index].number != number { slices[index] = Slice(number: number) }
        change(&slices[index])
    }

    private func sliceNumber(_ now: Duration) -> Int64 { Int64(now / (policy.window / Self.sliceCount)) }
}

/// The dependency was not called: it has failed too often just now. Nothing has happened.
package struct CircuitOpen: Error, Equatable {
    /// When it is worth asking again.
    package let retryAfter: Duration
}
