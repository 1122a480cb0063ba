import Contracts

/// The rules of ``CircuitBreaker``, without a clock and without randomness.
///
/// - Closed: all calls pass. Their outcomes are counted over a rolling window; too many failures open the
///   circuit.
/// - Open: no call passes until a time that doubles from opening to opening, up to a limit.
/// - Half open: a few calls pass as trials. If all succeed the circuit closes; if one fails it opens again.
///
/// Times are durations since any fixed moment, and never decrease.
struct CircuitBreakerState: Sendable {
    enum Phase: Equatable, Sendable {
        case closed
        case open(until: Duration)
        case halfOpen(inFlight: Int, succeeded: Int)
    }

    /// The outcome of a call that was permitted.
    enum Outcome: Sendable {
        case success
        case failure
        /// The caller was cancelled, which says nothing about the dependency.
        case abandoned
    }

    /// The permission for one call. Its outcome counts only during the phase in which it was issued.
    struct Permit: Equatable, Sendable {
        fileprivate let phaseNumber: Int
    }

    private struct Slice: Sendable {
        var number: Int64 = .min
        var successes = 0
        var failures = 0
    }

    private var policy: CircuitBreakerPolicy
    private(set) var phase = Phase.closed
    /// Incremented with every change of phase, so that late outcomes of earlier calls do not count.
    private var phaseNumber = 0
    private var slices = [Slice](repeating: Slice(), count: sliceCount)
    /// How often the circuit has opened since it was last closed.
    private var openings = 0

    private static let sliceCount = 10

    init(_ policy: CircuitBreakerPolicy) { self.policy = policy }

    /// Replaces the policy. Counts are kept unless the window changes; an open circuit keeps its end.
    mutating func use(_ policy: CircuitBreakerPolicy) {
        if policy.window != self.policy.window { slices = [Slice](repeating: Slice(), count: Self.sliceCount) }
        self.policy = policy
        // The new policy needs no further trial, and would permit none to end this phase.
        if case .halfOpen(_, let succeeded) = phase, succeeded >= policy.trials { close() }
    }

    /// Permits a call, or returns the time after which to retry.
    mutating func requestPermit(at now: Duration) -> Result<Permit, CircuitOpen> {
        switch phase {
        case .closed: return .success(Permit(phaseNumber: phaseNumber))
        case .open(let until) where now < until: return .failure(CircuitOpen(retryAfter: until - now))
        case .open: enter(.halfOpen(inFlight: 0, succeeded: 0))
        case .halfOpen: break
        }
        guard case .halfOpen(let inFlight, let succeeded) = phase, inFlight + succeeded < policy.trials else {
            return .failure(CircuitOpen(retryAfter: policy.open))
        }
        phase = .halfOpen(inFlight: inFlight + 1, succeeded: succeeded)
        return .success(Permit(phaseNumber: phaseNumber))
    }

    /// Counts the outcome of a call.
    ///
    /// - Parameter random: 0 to 1; varies the open time by ±25 %.
    mutating func finish(_ permit: Permit, outcome: Outcome, at now: Duration, random: Double) {
        guard permit.phaseNumber == phaseNumber else { return }
        switch (phase, outcome) {
        case (.closed, .abandoned), (.open, _): break
        case (.closed, .success): count(at: now) { $0.successes += 1 }
        case (.closed, .failure):
            count(at: now) { $0.failures += 1 }
            if tooManyFailures(at: now) { open(at: now, random: random) }
        case (.halfOpen(let inFlight, let succeeded), .success):
            if succeeded + 1 >= policy.trials {
                close()
            } else {
                phase = .halfOpen(inFlight: inFlight - 1, succeeded: succeeded + 1)
            }
        case (.halfOpen(let inFlight, let succeeded), .abandoned): phase = .halfOpen(inFlight: inFlight - 1, succeeded: succeeded)
        case (.halfOpen, .failure): open(at: now, random: random)
        }
    }

    /// The numbers of calls and failures within the window that ends now.
    func counts(at now: Duration) -> (calls: Int, failures: Int) {
        let current = sliceNumber(now)
        return slices.filter { $0.number > current - Int64(Self.sliceCount) }
            .reduce((0, 0)) { ($0.0 + $1.successes + $1.failures, $0.1 + $1.failures) }
    }

    private func tooManyFailures(at now: Duration) -> Bool {
        let (calls, failures) = counts(at: now)
        return calls >= policy.minimumCalls && Double(failures) >= policy.failureRatio * Double(calls)
    }

    private mutating func open(at now: Duration, random: Double) {
        let doubled = policy.open * (1 << min(openings, 10))
        openings += 1
        let jitter = 0.75 + 0.5 * min(1, max(0, random))
        enter(.open(until: now + min(doubled, policy.openLimit) * jitter))
    }

    private mutating func close() {
        slices = [Slice](repeating: Slice(), count: Self.sliceCount)
        openings = 0
        enter(.closed)
    }

    private mutating func enter(_ next: Phase) {
        phaseNumber += 1
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

/// The dependency was not called, because too many recent calls have failed.
package struct CircuitOpen: Error, Equatable {
    /// The time after which to retry.
    package let retryAfter: Duration
}
