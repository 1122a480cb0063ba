/// Logs in: the same answer, `unauthenticated`, and the same work for an unknown user and for a wrong password.
public struct LogIn: Procedure {
    public static let name: ProcedureName = "users.logIn.v1"
    public static let service = ServiceName.users
    public static let callers: Set<ServiceName> = [.bff]
    public static let timeout = Duration.seconds(10)
    public static let isRepeatable = false

    public var username: String
    public var password: String
    /// What the user calls this device; 1–64 characters.
    public var device: String?

    public init(username: String, password: String, device: String? = nil) {
        self.username = username
        self.password = password
        self.device = device
    }

    enum CodingKeys: String, CodingKey { case username, password, device }

    /// A new session.
    public struct Response: Codable, Hashable, Sendable {
        public var tokens: Tokens
        public var user: User

        public init(tokens: Tokens, user: User) {
            self.tokens = tokens
            self.user = user
        }

        enum CodingKeys: String, CodingKey { case tokens, user }
    }
}

/// Trades a refresh token for new tokens. Each works once: a replayed one revokes its session.
public struct RefreshSession: Procedure {
    public typealias Response = Tokens
    public static let name: ProcedureName = "users.refresh.v1"
    public static let service = ServiceName.users
    public static let callers: Set<ServiceName> = [.bff]
    public static let isRepeatable = false

    public var refreshToken: String

    public init(refreshToken: String) {
        self.refreshToken = refreshToken
    }

    enum CodingKeys: String, CodingKey { case refreshToken }
}

/// Lists the sessions of a user, newest first.
public struct ListSessions: Procedure {
    public typealias Response = Page<Session>
    public static let name: ProcedureName = "users.sessions.v1"
    public static let service = ServiceName.users
    public static let callers: Set<ServiceName> = [.bff]
    public static let isRepeatable = true
    public static let isReadOnly = true

    /// Who asks.
    public var userID: UserID
    /// The one that asks.
    public var sessionID: SessionID
    /// 1–100; absent for 100.
    public var limit: Int?
    /// A page's `next`.
    public var after: String?

    public init(userID: UserID, sessionID: SessionID, limit: Int? = nil, after: String? = nil) {
        self.userID = userID
        self.sessionID = sessionID
        self.limit = limit
        self.after = after
    }

    enum CodingKeys: String, CodingKey {
        case limit, after
        case userID = "userId"
        case sessionID = "sessionId"
    }
}

/// Ends a session of the user; `notFound` for another's.
public struct RevokeSession: Procedure {
    public typealias Response = EmptyResponse
    public static let name: ProcedureName = "users.revokeSession.v1"
    public static let service = ServiceName.users
    public static let callers: Set<ServiceName> = [.bff]
    public static let isRepeatable = true

    /// Who asks.
    public var userID: UserID
    /// Which to end.
    public var sessionID: SessionID

    public init(userID: UserID, sessionID: SessionID) {
        self.userID = userID
        self.sessionID = sessionID
    }

    enum CodingKeys: String, CodingKey {
        case userID = "userId"
        case sessionID = "sessionId"
    }
}

/// The public keys that verify access tokens.
public struct GetKeys: Procedure {
    public static let name: ProcedureName = "users.keys.v1"
    public static let service = ServiceName.users
    public static let callers: Set<ServiceName> = [.bff, .messaging]
    public static let isRepeatable = true
    public static let isReadOnly = true

    public init() {}

    /// A JSON Web Key Set, RFC 7517.
    public struct Response: Codable, Hashable, Sendable {
        public var keys: [JSONWebKey]

        public init(keys: [JSONWebKey]) {
            self.keys = keys
        }

        enum CodingKeys: String, CodingKey { case keys }
    }
}

/// A public Ed25519 key, RFC 8037.
public struct JSONWebKey: Codable, Hashable, Sendable {
    /// `OKP`; the next three: `Ed25519`, `EdDSA`, `sig`.
    public var kty: String
    public var crv: String
    public var alg: String
    public var use: String
    /// Names the key in a token's header.
    public var kid: String
    /// The key, base64url without padding.
    public var x: String

    public init(kty: String, crv: String, alg: String, use: String, kid: String, x: String) {
        self.kty = kty
        self.crv = crv
        self.alg = alg
        self.use = use
        self.kid = kid
        self.x = x
    }

    enum CodingKeys: String, CodingKey { case kty, crv, alg, use, kid, x }
}

/// The sessions revoked since a moment, for an edge that missed the feed.
public struct ListRevocations: Procedure {
    public static let name: ProcedureName = "users.revocations.v1"
    public static let service = ServiceName.users
    public static let callers: Set<ServiceName> = [.bff, .messaging]
    public static let isRepeatable = true
    public static let isReadOnly = true

    /// At most one access token lifetime ago; earlier is taken as that.
    public var since: Timestamp
    /// An answer's `next`.
    public var after: String?

    public init(since: Timestamp, after: String? = nil) {
        self.since = since
        self.after = after
    }

    enum CodingKeys: String, CodingKey { case since, after }

    /// Whose access tokens are to be refused, though not expired. May name some that were revoked a little before `since`.
    public struct Response: Codable, Hashable, Sendable {
        public var sessionIDs: [SessionID]
        /// There are more: give it back to get them. Absent at the end.
        public var next: String?

        public init(sessionIDs: [SessionID], next: String? = nil) {
            self.sessionIDs = sessionIDs
            self.next = next
        }

        enum CodingKeys: String, CodingKey {
            case next
            case sessionIDs = "sessionIds"
        }
    }
}
