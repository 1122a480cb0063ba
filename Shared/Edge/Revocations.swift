import Contracts
import Synchronization

/// The sessions that ended before their access tokens expire.
package final class Revocations: Sendable {
    package enum Verdict: Equatable {
        case live, revoked
        /// Revocations may have been missed for longer than ``Revocations/patience``, or the first list is
        /// missing.
        case unknown
    }

    /// How long sessions count as live after the subscription was lost.
    package static let patience = Duration.seconds(10)
    /// How long a revocation is kept: the lifetime of a token, and a minute for clocks that disagree.
    private static let retention = AccessToken.lifetime + .seconds(60)

    private struct State {
        var revoked: [SessionID: ContinuousClock.Instant] = [:]
        var nextSweep: ContinuousClock.Instant
        /// When the subscription was lost; `nil` while it is up.
        var lostSince: ContinuousClock.Instant?
        var losses = 0
        /// Whether a complete list has ever arrived.
        var everKnown = false

        func isFresh(at now: ContinuousClock.Instant) -> Bool {
            everKnown && lostSince.map { now - $0 <= Revocations.patience } ?? true
        }
    }

    private let state: Mutex<State>
    private let now: @Sendable () -> ContinuousClock.Instant

    package init(now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
        self.now = now
        state = Mutex(State(nextSweep: now() + Self.retention))
    }

    package func verdict(on session: SessionID) -> Verdict {
        let now = now()
        return state.withLock { state in
            if let until = state.revoked[session], until > now { return .revoked }
            return state.isFresh(at: now) ? .live : .unknown
        }
    }

    /// Records that these sessions have ended.
    package func revoke(_ sessions: [SessionID]) {
        let now = now()
        state.withLock { state in
            for session in sessions { state.revoked[session] = now + Self.retention }
            if now >= state.nextSweep {
                state.revoked = state.revoked.filter { $0.value > now }
                state.nextSweep = now + Self.retention
            }
        }
    }

    /// Whether a session can be called live: a list has arrived, and the subscription is up or was lost a
    /// short time ago.
    package var areFresh: Bool {
        let now = now()
        return state.withLock { $0.isFresh(at: now) }
    }

    /// Whether a complete list has ever arrived.
    package var areKnown: Bool { state.withLock(\.everKnown) }

    /// How often the subscription was lost. Read it before the list is fetched, for ``caughtUp(losses:)``.
    package var losses: Int { state.withLock { $0.losses } }

    /// The subscription is up, and ``revoke(_:)`` was called with everything that it may have missed.
    ///
    /// - Parameter losses: ``losses`` before the fetch.
    /// - Returns: false if the subscription was lost meanwhile. The list is then still incomplete.
    @discardableResult
    package func caughtUp(losses: Int) -> Bool {
        state.withLock { state in
            guard state.losses == losses else { return false }
            state.everKnown = true
            state.lostSince = nil
            return true
        }
    }

    /// The time since the subscription was lost; `nil` while it is up.
    package var silence: Duration? {
        let now = now()
        return state.withLock { $0.lostSince.map { now - $0 } }
    }

    /// The subscription was lost.
    package func lost() {
        let now = now()
        state.withLock { state in
            state.losses += 1
            state.lostSince = state.lostSince ?? now
        }
    }
}
