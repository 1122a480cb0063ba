/// Creates an account; `conflict` if the username is taken.
public struct RegisterUser: Procedure {
    public typealias Response = User
    public static let name: ProcedureName = "users.register.v1"
    public static let service = ServiceName.users
    public static let callers: Set<ServiceName> = [.bff]
    public static let timeout = Duration.seconds(10)
    public static let isRepeatable = false

    /// Lower-cased by the service, then 3–32 of a–z 0–9 . _ -
    public var username: String
    /// 8–256 characters.
    public var password: String
    /// 1–64 characters.
    public var displayName: String
    /// The header `Idempotency-Key`, 1–128 characters: a repeat within 24 h gets the first answer.
    public var idempotencyKey: String?

    public init(username: String, password: String, displayName: String, idempotencyKey: String? = nil) {
        self.username = username
        self.password = password
        self.displayName = displayName
        self.idempotencyKey = idempotencyKey
    }

    enum CodingKeys: String, CodingKey { case username, password, displayName, idempotencyKey }
}

/// Reads the caller's account.
public struct GetAccount: Procedure {
    public typealias Response = Account
    public static let name: ProcedureName = "users.account.v1"
    public static let service = ServiceName.users
    public static let callers: Set<ServiceName> = [.bff]
    public static let isRepeatable = true
    public static let isReadOnly = true

    /// The caller.
    public var userID: UserID

    public init(userID: UserID) {
        self.userID = userID
    }

    enum CodingKeys: String, CodingKey {
        case userID = "userId"
    }
}

/// Changes the caller's profile; `stale` if `version` is not the current one.
public struct UpdateProfile: Procedure {
    public typealias Response = Account
    public static let name: ProcedureName = "users.updateProfile.v1"
    public static let service = ServiceName.users
    public static let callers: Set<ServiceName> = [.bff]
    public static let isRepeatable = false

    /// The caller.
    public var userID: UserID
    /// The version that the change is based on.
    public var version: Int64
    /// 1–64 characters; unchanged when absent.
    public var displayName: String?
    /// An https URL of at most 512 characters, empty to remove; unchanged when absent.
    public var avatarURL: String?

    public init(userID: UserID, version: Int64, displayName: String? = nil, avatarURL: String? = nil) {
        self.userID = userID
        self.version = version
        self.displayName = displayName
        self.avatarURL = avatarURL
    }

    enum CodingKeys: String, CodingKey {
        case version, displayName
        case userID = "userId"
        case avatarURL = "avatarUrl"
    }
}

/// Changes the caller's password and revokes every other session.
public struct ChangePassword: Procedure {
    public typealias Response = EmptyResponse
    public static let name: ProcedureName = "users.changePassword.v1"
    public static let service = ServiceName.users
    public static let callers: Set<ServiceName> = [.bff]
    public static let timeout = Duration.seconds(10)
    public static let isRepeatable = false

    /// The caller.
    public var userID: UserID
    /// The caller's session, which stays.
    public var sessionID: SessionID
    public var currentPassword: String
    /// 8–256 characters.
    public var newPassword: String

    public init(userID: UserID, sessionID: SessionID, currentPassword: String, newPassword: String) {
        self.userID = userID
        self.sessionID = sessionID
        self.currentPassword = currentPassword
        self.newPassword = newPassword
    }

    enum CodingKeys: String, CodingKey {
        case currentPassword, newPassword
        case userID = "userId"
        case sessionID = "sessionId"
    }
}
