/// Lists the users whose presence a user sees and who see theirs: connected contacts without a block on
/// either side.
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
        /// At most 5,000, longest connected first.
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
    /// The end of their last live connection; absent if they never had one.
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

/// Records when users were last online. Only a later time changes a record.
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
        /// The session of the device.
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
