/// Somebody has an account now.
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
    /// Of the account; the highest wins.
    public var version: Int64

    public init(user: User, version: Int64) {
        self.user = user
        self.version = version
    }

    enum CodingKeys: String, CodingKey { case user, version }
}

/// The tie of two people has changed.
public struct ContactChanged: Event {
    public static let type: EventType = "users.connection.changed.v1"
    public var subject: String? { userID.description }

    /// Who took the step.
    public var userID: UserID
    public var otherID: UserID
    public var step: ChangeContact.Step
    /// After the step, seen from `userId`; absent when there is no tie any more.
    public var status: Contact.Status?
    /// Of this pair; the highest wins.
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

/// Somebody has blocked or unblocked somebody.
public struct BlockChanged: Event {
    public static let type: EventType = "users.block.changed.v1"
    public var subject: String? { userID.description }

    /// Who blocks.
    public var userID: UserID
    /// Who is blocked.
    public var otherID: UserID
    public var blocked: Bool
    /// Of this pair; the highest wins.
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

/// Somebody has logged in.
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

/// Somebody has a new password; the sessions that end by it are told of by ``SessionsRevoked``.
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

/// Sessions have ended before their time: refuse their access tokens from now on.
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
