import Contracts
import Synchronization

/// Which sessions have ended before their access tokens have.
package final class Revocations: Sendable {
    package enum Verdict: Equatable {
        case live, revoked
        /// Cut off from the news for too long.
        case unknown
    }

    /// What was known goes on being used this long after the feed is lost.
    package static let patience = Duration.seconds(10)
    /// Tokens outlive a revocation by their lifetime at most; a minute more for clocks that disagree.
    private static let memory = AccessToken.lifetime + .seconds(60)

    private struct State {
        var revoked: [SessionID: ContinuousClock.Instant] = [:]
        var nextSweep: ContinuousClock.Instant
        /// Since when there is no news; `nil` while there is.
        var lostSince: ContinuousClock.Instant?
        /// How often the feed was lost.
        var losses = 0
        /// The first list has come.
        var everKnown = false

        func isFresh(at now: ContinuousClock.Instant) -> Bool {
            everKnown && lostSince.map { now - $0 <= Revocations.patience } ?? true
        }
    }

    private let state: Mutex<State>
    private let now: @Sendable () -> ContinuousClock.Instant

    package init(now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
        self.now = now
        state = Mutex(State(nextSweep: now() + Self.memory))
    }

    package func verdict(on session: SessionID) -> Verdict {
        let now = now()
        return state.withLock { state in
            if let until = state.revoked[session], until > now { return .revoked }
            return state.isFresh(at: now) ? .live : .unknown
        }
    }

    /// News from the feed.
    package func revoke(_ sessions: [SessionID]) {
        let now = now()
        state.withLock { state in
            for session in sessions { state.revoked[session] = now + Self.memory }
            if now >= state.nextSweep {
                state.revoked = state.revoked.filter { $0.value > now }
                state.nextSweep = now + Self.memory
            }
        }
    }

    /// Whether it can be told of any session that it lives: the list has come, and there were news not long ago.
    package var areFresh: Bool {
        let now = now()
        return state.withLock { $0.isFresh(at: now) }
    }

    /// Whether the list has come, once.
    package var areKnown: Bool { state.withLock(\.everKnown) }

    /// How often the feed was lost; to be asked before the list is fetched.
    package var losses: Int { state.withLock { $0.losses } }

    /// The feed is there, and what it may have missed was fetched and told to ``revoke(_:)``: nothing is unknown now, unless it was lost again meanwhile.
    package func caughtUp(losses: Int) {
        state.withLock { state in
            guard state.losses == losses else { return }
            state.everKnown = true
            state.lostSince = nil
        }
    }

    /// For how long there has been no news; `nil` while there is.
    package var silence: Duration? {
        let now = now()
        return state.withLock { $0.lostSince.map { now - $0 } }
    }

    package func lost() {
        let now = now()
        state.withLock { state in
            state.losses += 1
            state.lostSince = state.lostSince ?? now
        }
    }
}
