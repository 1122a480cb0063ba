/// Starts a session. An unknown user and a wrong password give the same answer, `unauthenticated`, after the
/// same work.
public struct LogIn: Procedure {
    public static let name: ProcedureName = "users.logIn.v1"
    public static let service = ServiceName.users
    public static let callers: Set<ServiceName> = [.bff]
    public static let timeout = Duration.seconds(10)
    public static let isRepeatable = false

    public var username: String
    public var password: String
    /// The user's name for this device, 1–64 characters.
    public var device: String?

    public init(username: String, password: String, device: String? = nil) {
        self.username = username
        self.password = password
        self.device = device
    }

    enum CodingKeys: String, CodingKey { case username, password, device }

    /// The tokens of the new session, and its user.
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

/// Exchanges a refresh token for new tokens. Each token works once: a replayed token revokes its session.
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

/// Lists the caller's live sessions, newest first.
public struct ListSessions: Procedure {
    public typealias Response = Page<Session>
    public static let name: ProcedureName = "users.sessions.v1"
    public static let service = ServiceName.users
    public static let callers: Set<ServiceName> = [.bff]
    public static let isRepeatable = true
    public static let isReadOnly = true

    /// The caller.
    public var userID: UserID
    /// The caller's session.
    public var sessionID: SessionID
    /// 1–100; 100 if absent.
    public var limit: Int?
    /// The `next` of the previous page.
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

/// Revokes a session of the caller; `notFound` for the session of another user.
public struct RevokeSession: Procedure {
    public typealias Response = EmptyResponse
    public static let name: ProcedureName = "users.revokeSession.v1"
    public static let service = ServiceName.users
    public static let callers: Set<ServiceName> = [.bff]
    public static let isRepeatable = true

    /// The caller.
    public var userID: UserID
    /// The session to revoke.
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

/// Reads the public keys that verify access tokens.
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
    /// `OKP`. The next three are `Ed25519`, `EdDSA` and `sig`.
    public var kty: String
    public var crv: String
    public var alg: String
    public var use: String
    /// The id of the key, as in the header of a token.
    public var kid: String
    /// The key in base64url without padding.
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

/// Lists the sessions revoked since a time, for an edge that has missed notices.
public struct ListRevocations: Procedure {
    public static let name: ProcedureName = "users.revocations.v1"
    public static let service = ServiceName.users
    public static let callers: Set<ServiceName> = [.bff, .messaging]
    public static let isRepeatable = true
    public static let isReadOnly = true

    /// An earlier time than one ``AccessToken/lifetime`` ago counts as that.
    public var since: Timestamp
    /// The `next` of the previous answer.
    public var after: String?

    public init(since: Timestamp, after: String? = nil) {
        self.since = since
        self.after = after
    }

    enum CodingKeys: String, CodingKey { case since, after }

    /// The sessions whose access tokens are to be refused. May include some that were revoked shortly before
    /// `since`.
    public struct Response: Codable, Hashable, Sendable {
        public var sessionIDs: [SessionID]
        /// The cursor of the next answer; absent in the last.
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
