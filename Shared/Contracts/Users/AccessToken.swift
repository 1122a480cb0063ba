/// The claims of an access token: a JWT signed with EdDSA. The
/// `kid` in its header names a key of ``GetKeys``.
public struct AccessToken: Codable, Hashable, Sendable {
    public static let issuer = "martlet"
    public static let audience = "martlet"
    public static let lifetime = Duration.seconds(900)

    /// ``issuer``.
    public var iss: String
    /// ``audience``.
    public var aud: String
    /// The user.
    public var sub: UserID
    /// The session. Edges refuse the token once the session is revoked.
    public var sid: SessionID
    /// The username.
    public var name: String
    public var roles: [Role]
    /// The times of issue and of expiry, in seconds since 1970-01-01T00:00:00Z.
    public var iat: Int
    public var exp: Int

    public init(
        iss: String = issuer, aud: String = audience, sub: UserID, sid: SessionID, name: String, roles: [Role], iat: Int, exp: Int
    ) {
        self.iss = iss
        self.aud = aud
        self.sub = sub
        self.sid = sid
        self.name = name
        self.roles = roles
        self.iat = iat
        self.exp = exp
    }

    enum CodingKeys: String, CodingKey { case iss, aud, sub, sid, name, roles, iat, exp }
}

/// A right of an account beyond its own data. An open set.
public struct Role: RawRepresentable, Hashable, Codable, Sendable {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }

    public static let admin = Role(rawValue: "admin")
}
