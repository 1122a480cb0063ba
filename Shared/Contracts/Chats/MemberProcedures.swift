/// Lists the members of a chat in the order of joining.
public struct ListMembers: Procedure {
    public typealias Response = Page<Member>
    public static let name: ProcedureName = "chats.members.v1"
    public static let service = ServiceName.chats
    public static let callers: Set<ServiceName> = [.bff, .messaging]
    public static let isRepeatable = true
    public static let isReadOnly = true

    /// The caller.
    public var userID: UserID
    public var chatID: ChatID
    /// 1–100.
    public var limit: Int
    /// The `next` of the previous page.
    public var after: String?

    public init(userID: UserID, chatID: ChatID, limit: Int, after: String? = nil) {
        self.userID = userID
        self.chatID = chatID
        self.limit = limit
        self.after = after
    }

    enum CodingKeys: String, CodingKey {
        case limit, after
        case userID = "userId"
        case chatID = "chatId"
    }
}

/// Adds a user to a group, or changes the role of a member.
public struct SetMember: Procedure {
    public static let name: ProcedureName = "chats.setMember.v1"
    public static let service = ServiceName.chats
    public static let callers: Set<ServiceName> = [.bff]
    public static let isRepeatable = true

    /// The caller.
    public var userID: UserID
    public var chatID: ChatID
    public var memberID: UserID
    public var role: ChatRole

    public init(userID: UserID, chatID: ChatID, memberID: UserID, role: ChatRole) {
        self.userID = userID
        self.chatID = chatID
        self.memberID = memberID
        self.role = role
    }

    enum CodingKeys: String, CodingKey {
        case role
        case userID = "userId"
        case chatID = "chatId"
        case memberID = "memberId"
    }

    /// The member after the change.
    public struct Response: Codable, Hashable, Sendable {
        public var member: Member
        /// False if the user was a member already.
        public var added: Bool

        public init(member: Member, added: Bool) {
            self.member = member
            self.added = added
        }

        enum CodingKeys: String, CodingKey { case member, added }
    }
}

/// Removes a member from a group; the caller leaves by naming themselves. A repeat succeeds.
public struct RemoveMember: Procedure {
    public typealias Response = EmptyResponse
    public static let name: ProcedureName = "chats.removeMember.v1"
    public static let service = ServiceName.chats
    public static let callers: Set<ServiceName> = [.bff]
    public static let isRepeatable = true

    /// The caller.
    public var userID: UserID
    public var chatID: ChatID
    public var memberID: UserID

    public init(userID: UserID, chatID: ChatID, memberID: UserID) {
        self.userID = userID
        self.chatID = chatID
        self.memberID = memberID
    }

    enum CodingKeys: String, CodingKey {
        case userID = "userId"
        case chatID = "chatId"
        case memberID = "memberId"
    }
}

/// Moves the user's read marker forward, never back.
public struct MarkRead: Procedure {
    public static let name: ProcedureName = "chats.read.v1"
    public static let service = ServiceName.chats
    public static let callers: Set<ServiceName> = [.bff, .messaging]
    public static let isRepeatable = true

    /// The caller.
    public var userID: UserID
    public var chatID: ChatID
    /// The last read message, at least 0. A number beyond the last message counts as the last message.
    public var seq: Int64

    public init(userID: UserID, chatID: ChatID, seq: Int64) {
        self.userID = userID
        self.chatID = chatID
        self.seq = seq
    }

    enum CodingKeys: String, CodingKey {
        case seq
        case userID = "userId"
        case chatID = "chatId"
    }

    /// The marker after the call.
    public struct Response: Codable, Hashable, Sendable {
        public var readSeq: Int64
        public var unread: Int

        public init(readSeq: Int64, unread: Int) {
            self.readSeq = readSeq
            self.unread = unread
        }

        enum CodingKeys: String, CodingKey { case readSeq, unread }
    }
}

/// Moves delivered markers forward: a device of the user has received all messages up to there. One call
/// carries the markers of many users.
public struct MarkDelivered: Procedure {
    public typealias Response = EmptyResponse
    public static let name: ProcedureName = "chats.delivered.v1"
    public static let service = ServiceName.chats
    public static let callers: Set<ServiceName> = [.messaging]
    public static let isRepeatable = true

    /// 1–256; markers of users who are not in the chat are ignored.
    public var markers: [Marker]

    public init(markers: [Marker]) {
        self.markers = markers
    }

    enum CodingKeys: String, CodingKey { case markers }

    public struct Marker: Codable, Hashable, Sendable {
        public var userID: UserID
        public var chatID: ChatID
        /// The last delivered message, at least 0. A number beyond the last message counts as the last
        /// message.
        public var seq: Int64

        public init(userID: UserID, chatID: ChatID, seq: Int64) {
            self.userID = userID
            self.chatID = chatID
            self.seq = seq
        }

        enum CodingKeys: String, CodingKey {
            case seq
            case userID = "userId"
            case chatID = "chatId"
        }
    }
}

/// Shows the other connected members that the user is typing. Nothing is stored. `notFound` if the user is
/// not a member.
public struct ShowTyping: Procedure {
    public typealias Response = EmptyResponse
    public static let name: ProcedureName = "chats.typing.v1"
    public static let service = ServiceName.chats
    public static let callers: Set<ServiceName> = [.messaging]
    public static let timeout = Duration.seconds(2)
    public static let isRepeatable = true

    /// The user who types.
    public var userID: UserID
    public var chatID: ChatID

    public init(userID: UserID, chatID: ChatID) {
        self.userID = userID
        self.chatID = chatID
    }

    enum CodingKeys: String, CodingKey {
        case userID = "userId"
        case chatID = "chatId"
    }
}
