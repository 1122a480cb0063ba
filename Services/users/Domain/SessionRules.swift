import Contracts

/// The user's name for the device of a session: 1–64 characters.
struct DeviceName: Hashable {
    let text: String
    static let unknown = DeviceName()

    private init() { text = "unknown" }

    /// - Parameter text: `nil` for ``unknown``.
    init(_ text: String?) throws(ValidationError) {
        guard let text else {
            self = .unknown
            return
        }
        self.text = try text.validated(length: 1...64)
    }
}

/// The lifetimes of tokens that are issued from now on.
struct TokenLifetimes: Sendable {
    /// At most ``AccessToken/lifetime``.
    var access: Duration = AccessToken.lifetime
    /// Restarts with every use.
    var refresh: Duration = .seconds(30 * 86_400)
}

/// The stored state of a session at the moment its refresh token is presented.
struct SessionState: Equatable, Sendable {
    enum Verdict: Equatable {
        /// The token is exchanged for a new one, which expires at `expiresAt`.
        case renew(expiresAt: Timestamp)
        /// The token was exchanged before, so there is a copy of it. The session ends now.
        case replayed
        /// The session has ended, or the token never belonged to it. Nothing changes.
        case refused
    }

    /// The kind of token that is presented.
    enum PresentedToken: Equatable {
        /// The last one issued.
        case current
        /// An earlier one: genuine, and used.
        case earlier
        /// Never issued.
        case forged
    }

    var expiresAt: Timestamp
    var revokedAt: Timestamp?

    /// Whether the session is neither expired nor revoked.
    func isLive(at now: Timestamp) -> Bool { revokedAt == nil && now < expiresAt }

    func verdict(on token: PresentedToken, lifetimes: TokenLifetimes, at now: Timestamp) -> Verdict {
        guard isLive(at: now) else { return .refused }
        return switch token {
        case .current: .renew(expiresAt: now + lifetimes.refresh)
        case .earlier: .replayed
        case .forged: .refused
        }
    }
}

/// The period whose revocations an edge gets: at most the longest lifetime of an access token, plus a minute
/// for clock skew.
struct RevocationWindow {
    static let slack = Duration.seconds(60)
    let start: Timestamp

    init(since: Timestamp, now: Timestamp) { start = max(since, now - AccessToken.lifetime) - Self.slack }
}
