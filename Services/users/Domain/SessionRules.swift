import Contracts

/// How long what a session hands out from now on is good for.
struct TokenLifetimes: Sendable {
    /// At most ``AccessToken/lifetime``.
    var access: Duration = AccessToken.lifetime
    /// From each use on.
    var refresh: Duration = .seconds(30 * 86_400)
}

/// What the store knows of a session when its refresh token is presented.
struct SessionState: Equatable, Sendable {
    enum Verdict: Equatable {
        /// The token is traded for a new one, which ends at `expiresAt`.
        case renew(expiresAt: Timestamp)
        /// The token was traded before: somebody has a copy. The session ends now.
        case replayed
        /// Expired, revoked, or not a token that this session ever had. Nothing changes.
        case refused
    }

    /// How the presented token stands to the session.
    enum Presented: Equatable {
        /// The last one issued.
        case current
        /// An earlier one: genuine, and used.
        case earlier
        /// Never issued.
        case forged
    }

    var expiresAt: Timestamp
    var revokedAt: Timestamp?

    /// Whether its user may still act through it.
    func isLive(at now: Timestamp) -> Bool { revokedAt == nil && now < expiresAt }

    func judge(_ token: Presented, lifetimes: TokenLifetimes, at now: Timestamp) -> Verdict {
        guard isLive(at: now) else { return .refused }
        return switch token {
        case .current: .renew(expiresAt: now + lifetimes.refresh)
        case .earlier: .replayed
        case .forged: .refused
        }
    }
}

/// From when on revocations are told: the longest lifetime of an access token back at most, whatever they live now, and a minute more for clocks that disagree.
struct RevocationWindow {
    static let slack = Duration.seconds(60)
    let start: Timestamp

    init(since: Timestamp, now: Timestamp) { start = max(since, now - AccessToken.lifetime) - Self.slack }
}
