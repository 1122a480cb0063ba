import Contracts
import Synchronization

/// Tells the leader, wherever it is, that heartbeats are refused here: before their senders hear of it, and at most twenty times a second.
final class Alarm: Sendable {
    enum Outcome: Hashable, Sendable {
        /// The leader knows that nothing may be decided now.
        case told
        /// Another instance leads and has Postgres: it must go on, as whoever is refused here is answered there.
        case needless
        case failed
    }

    /// Much less than the leader waits longer than members may go on.
    private static let pause = Duration.milliseconds(50)

    private let instance: String
    private let origin = ContinuousClock.now
    private let tell: @Sendable (RoutingPulse) async throws -> Void
    private let state: Mutex<(others: OthersPulse, told: Duration?)>

    init(_ instance: String, terms: LeaseTerms, tell: @escaping @Sendable (RoutingPulse) async throws -> Void) {
        (self.instance, self.tell) = (instance, tell)
        state = Mutex((OthersPulse(terms), nil))
    }

    func heard(_ pulse: RoutingPulse) {
        if pulse.instance != instance { state.withLock { $0.others.heard(pulse, at: now) } }
    }

    func raise() async -> Outcome {
        let begin = now
        let (isNeedless, isTold) = state.withLock { state in
            (state.others.isFresh(at: begin), state.told.map { begin - $0 < Self.pause } ?? false)
        }
        if isNeedless { return .needless }
        if isTold { return .told }
        do { try await tell(RoutingPulse(instance: instance, isCut: true)) } catch { return .failed }
        state.withLock { $0.told = begin }
        return .told
    }

    private var now: Duration { origin.duration(to: .now) }
}
