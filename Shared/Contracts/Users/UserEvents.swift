/// An account was created.
public struct UserRegistered: Event {
    public static let type: EventType = "users.user.registered.v1"
    public var subject: String? { user.id.description }

    public var user: User

    public init(user: User) {
        self.user = user
    }

    enum CodingKeys: String, CodingKey { case user }
}

/// A profile has changed.
public struct UserUpdated: Event {
    public static let type: EventType = "users.user.updated.v1"
    public var subject: String? { user.id.description }

    public var user: User
    /// The version of the account; ignore a lower one.
    public var version: Int64

    public init(user: User, version: Int64) {
        self.user = user
        self.version = version
    }

    enum CodingKeys: String, CodingKey { case user, version }
}

/// The contact of two users has changed.
public struct ContactChanged: Event {
    public static let type: EventType = "users.connection.changed.v1"
    public var subject: String? { userID.description }

    /// The user who took the step.
    public var userID: UserID
    public var otherID: UserID
    public var step: ChangeContact.Step
    /// The status after the step, as `userId` sees it; absent if there is no contact any more.
    public var status: Contact.Status?
    /// The revision of this pair; ignore a lower one.
    public var rev: Int64

    public init(userID: UserID, otherID: UserID, step: ChangeContact.Step, status: Contact.Status? = nil, rev: Int64) {
        self.userID = userID
        self.otherID = otherID
        self.step = step
        self.status = status
        self.rev = rev
    }

    enum CodingKeys: String, CodingKey {
        case step, status, rev
        case userID = "userId"
        case otherID = "otherId"
    }
}

/// A user has blocked or unblocked another.
public struct BlockChanged: Event {
    public static let type: EventType = "users.block.changed.v1"
    public var subject: String? { userID.description }

    /// The user who blocks.
    public var userID: UserID
    /// The user who is blocked.
    public var otherID: UserID
    public var blocked: Bool
    /// The revision of this pair; ignore a lower one.
    public var rev: Int64

    public init(userID: UserID, otherID: UserID, blocked: Bool, rev: Int64) {
        self.userID = userID
        self.otherID = otherID
        self.blocked = blocked
        self.rev = rev
    }

    enum CodingKeys: String, CodingKey {
        case blocked, rev
        case userID = "userId"
        case otherID = "otherId"
    }
}

/// A user has logged in.
public struct SessionStarted: Event {
    public static let type: EventType = "users.session.started.v1"
    public var subject: String? { userID.description }

    public var userID: UserID
    public var sessionID: SessionID
    public var device: String
    public var startedAt: Timestamp

    public init(userID: UserID, sessionID: SessionID, device: String, startedAt: Timestamp) {
        self.userID = userID
        self.sessionID = sessionID
        self.device = device
        self.startedAt = startedAt
    }

    enum CodingKeys: String, CodingKey {
        case device, startedAt
        case userID = "userId"
        case sessionID = "sessionId"
    }
}

/// A password has changed. ``SessionsRevoked`` announces the sessions that this revokes.
public struct PasswordChanged: Event {
    public static let type: EventType = "users.password.changed.v1"
    public var subject: String? { userID.description }

    public var userID: UserID
    public var changedAt: Timestamp

    public init(userID: UserID, changedAt: Timestamp) {
        self.userID = userID
        self.changedAt = changedAt
    }

    enum CodingKeys: String, CodingKey {
        case changedAt
        case userID = "userId"
    }
}

/// Sessions were revoked or have expired: refuse their access tokens from now on.
public struct SessionsRevoked: Event {
    public static let type: EventType = "users.session.revoked.v1"
    public var subject: String? { userID.description }

    public var userID: UserID
    public var sessionIDs: [SessionID]
    public var revokedAt: Timestamp

    public init(userID: UserID, sessionIDs: [SessionID], revokedAt: Timestamp) {
        self.userID = userID
        self.sessionIDs = sessionIDs
        self.revokedAt = revokedAt
    }

    enum CodingKeys: String, CodingKey {
        case revokedAt
        case userID = "userId"
        case sessionIDs = "sessionIds"
    }
}
