/// Lists members, in the order of joining.
public struct ListMembers: Procedure {
    public typealias Response = Page<Member>
    public static let name: ProcedureName = "chats.members.v1"
    public static let service = ServiceName.chats
    public static let callers: Set<ServiceName> = [.bff, .messaging]
    public static let isRepeatable = true
    public static let isReadOnly = true

    /// Who asks.
    public var userID: UserID
    public var chatID: ChatID
    /// 1–100.
    public var limit: Int
    /// A page's `next`.
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

/// Adds somebody to a group or changes their role.
public struct SetMember: Procedure {
    public static let name: ProcedureName = "chats.setMember.v1"
    public static let service = ServiceName.chats
    public static let callers: Set<ServiceName> = [.bff]
    public static let isRepeatable = true

    /// Who asks.
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

    /// The member now.
    public struct Response: Codable, Hashable, Sendable {
        public var member: Member
        /// False when they were in the chat already.
        public var added: Bool

        public init(member: Member, added: Bool) {
            self.member = member
            self.added = added
        }

        enum CodingKeys: String, CodingKey { case member, added }
    }
}

/// Takes somebody out of a group, or lets the user leave. Repeated, it succeeds.
public struct RemoveMember: Procedure {
    public typealias Response = EmptyResponse
    public static let name: ProcedureName = "chats.removeMember.v1"
    public static let service = ServiceName.chats
    public static let callers: Set<ServiceName> = [.bff]
    public static let isRepeatable = true

    /// Who asks.
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

/// Moves the user's read marker forward; it never goes back.
public struct MarkRead: Procedure {
    public static let name: ProcedureName = "chats.read.v1"
    public static let service = ServiceName.chats
    public static let callers: Set<ServiceName> = [.bff, .messaging]
    public static let isRepeatable = true

    /// Who asks.
    public var userID: UserID
    public var chatID: ChatID
    /// Up to and with this one; at least 0. Beyond the last message counts as the last.
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

    /// Where the marker is now.
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

/// Moves delivered markers forward: a device of the user has received everything up to there. Those of many users at once, as they come up often.
public struct MarkDelivered: Procedure {
    public typealias Response = EmptyResponse
    public static let name: ProcedureName = "chats.delivered.v1"
    public static let service = ServiceName.chats
    public static let callers: Set<ServiceName> = [.messaging]
    public static let isRepeatable = true

    /// 1–256; those of who is not in the chat are passed over.
    public var markers: [Marker]

    public init(markers: [Marker]) {
        self.markers = markers
    }

    enum CodingKeys: String, CodingKey { case markers }

    public struct Marker: Codable, Hashable, Sendable {
        public var userID: UserID
        public var chatID: ChatID
        /// Up to and with this one; at least 0. Beyond the last message counts as the last.
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

/// Shows the other members that the user is writing. Nothing is stored, and nobody hears of it who is not connected; `notFound` when not a member.
public struct ShowTyping: Procedure {
    public typealias Response = EmptyResponse
    public static let name: ProcedureName = "chats.typing.v1"
    public static let service = ServiceName.chats
    public static let callers: Set<ServiceName> = [.messaging]
    public static let timeout = Duration.seconds(2)
    public static let isRepeatable = true

    /// Who writes.
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
