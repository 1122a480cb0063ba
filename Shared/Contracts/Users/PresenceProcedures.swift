/// Whom a user sees the presence of, and who sees theirs: those they are connected with, and neither has blocked the other.
public struct ListPresenceContacts: Procedure {
    public static let name: ProcedureName = "users.contacts.v1"
    public static let service = ServiceName.users
    public static let callers: Set<ServiceName> = [.messaging]
    public static let isRepeatable = true
    public static let isReadOnly = true

    public var userID: UserID

    public init(userID: UserID) {
        self.userID = userID
    }

    enum CodingKeys: String, CodingKey { case userID = "userId" }

    public struct Response: Codable, Hashable, Sendable {
        /// At most 5,000, those longest connected.
        public var contacts: [PresenceContact]

        public init(contacts: [PresenceContact]) {
            self.contacts = contacts
        }

        enum CodingKeys: String, CodingKey { case contacts }
    }
}

/// A contact whose presence a user sees.
public struct PresenceContact: Codable, Hashable, Sendable {
    public var userID: UserID
    /// When they were last connected; absent for those who never were.
    public var lastSeenAt: Timestamp?

    public init(userID: UserID, lastSeenAt: Timestamp? = nil) {
        self.userID = userID
        self.lastSeenAt = lastSeenAt
    }

    enum CodingKeys: String, CodingKey {
        case lastSeenAt
        case userID = "userId"
    }
}

/// Users have gone offline, or are still there: the latest moment counts.
public struct RecordLastSeen: Procedure {
    public typealias Response = EmptyResponse
    public static let name: ProcedureName = "users.seen.v1"
    public static let service = ServiceName.users
    public static let callers: Set<ServiceName> = [.messaging]
    public static let isRepeatable = true

    /// 1–256.
    public var users: [Seen]

    public init(users: [Seen]) {
        self.users = users
    }

    enum CodingKeys: String, CodingKey { case users }

    public struct Seen: Codable, Hashable, Sendable {
        public var userID: UserID
        /// Of the device that was there.
        public var sessionID: SessionID
        public var at: Timestamp

        public init(userID: UserID, sessionID: SessionID, at: Timestamp) {
            self.userID = userID
            self.sessionID = sessionID
            self.at = at
        }

        enum CodingKeys: String, CodingKey {
            case at
            case userID = "userId"
            case sessionID = "sessionId"
        }
    }
}
