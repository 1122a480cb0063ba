/// A public profile.
public struct User: Codable, Hashable, Sendable {
    public var id: UserID
    /// 3–32 of a–z 0–9 . _ -
    public var username: String
    /// 1–64 characters.
    public var displayName: String
    public var avatarURL: String?
    public var createdAt: Timestamp

    public init(id: UserID, username: String, displayName: String, avatarURL: String? = nil, createdAt: Timestamp) {
        self.id = id
        self.username = username
        self.displayName = displayName
        self.avatarURL = avatarURL
        self.createdAt = createdAt
    }

    enum CodingKeys: String, CodingKey {
        case id, username, displayName, createdAt
        case avatarURL = "avatarUrl"
    }
}

/// The caller's account: the profile and its version, which is the `ETag`.
public struct Account: Codable, Hashable, Sendable {
    public var user: User
    public var version: Int64

    public init(user: User, version: Int64) {
        self.user = user
        self.version = version
    }

    enum CodingKeys: String, CodingKey { case user, version }
}

/// A contact between the reader and another user, as the reader sees it. On the wire and in routes it is
/// called a connection.
public struct Contact: Codable, Hashable, Sendable {
    public enum Status: String, Codable, Sendable {
        /// The reader has invited the other user.
        case sent
        /// The other user has invited the reader.
        case received
        case connected
    }

    public var userID: UserID
    public var status: Status
    public var since: Timestamp

    public init(userID: UserID, status: Status, since: Timestamp) {
        self.userID = userID
        self.status = status
        self.since = since
    }

    enum CodingKeys: String, CodingKey {
        case status, since
        case userID = "userId"
    }
}

/// A user whom the reader has blocked.
public struct Block: Codable, Hashable, Sendable {
    public var userID: UserID
    public var since: Timestamp

    public init(userID: UserID, since: Timestamp) {
        self.userID = userID
        self.since = since
    }

    enum CodingKeys: String, CodingKey {
        case since
        case userID = "userId"
    }
}

/// The session of a device.
public struct Session: Codable, Hashable, Sendable {
    public var id: SessionID
    public var device: String
    public var createdAt: Timestamp
    public var lastSeenAt: Timestamp
    /// Whether it is the session of the caller.
    public var current: Bool

    public init(id: SessionID, device: String, createdAt: Timestamp, lastSeenAt: Timestamp, current: Bool) {
        self.id = id
        self.device = device
        self.createdAt = createdAt
        self.lastSeenAt = lastSeenAt
        self.current = current
    }

    enum CodingKeys: String, CodingKey { case id, device, createdAt, lastSeenAt, current }
}

/// The tokens of a session: a JWT that authorizes requests, and an opaque token that is exchanged for the
/// next pair.
public struct Tokens: Codable, Hashable, Sendable {
    public var accessToken: String
    public var refreshToken: String
    /// The lifetime of the access token in seconds.
    public var expiresIn: Int

    public init(accessToken: String, refreshToken: String, expiresIn: Int) {
        self.accessToken = accessToken
        self.refreshToken = refreshToken
        self.expiresIn = expiresIn
    }

    enum CodingKeys: String, CodingKey { case accessToken, refreshToken, expiresIn }
}
