/// Messages were sent.
///
/// The 1–256 messages of one commit, in ascending `seq` within each chat. Drop duplicates by `(chatId, seq)`.
public struct MessagesSent: Event {
    public static let type: EventType = "chats.message.sent.v1"
    public var subject: String? { nil }

    public var messages: [Message]

    public init(messages: [Message]) {
        self.messages = messages
    }

    enum CodingKeys: String, CodingKey { case messages }
}

/// A chat was created.
public struct ChatCreated: Event {
    public static let type: EventType = "chats.chat.created.v1"
    public var subject: String? { chatID.description }

    public var chatID: ChatID
    public var kind: ChatKind
    public var title: String?
    public var creatorID: UserID
    /// All members, the creator included.
    public var members: [UserID]
    public var createdAt: Timestamp
    public var rev: Int64

    public init(
        chatID: ChatID, kind: ChatKind, title: String? = nil, creatorID: UserID, members: [UserID], createdAt: Timestamp,
        rev: Int64
    ) {
        self.chatID = chatID
        self.kind = kind
        self.title = title
        self.creatorID = creatorID
        self.members = members
        self.createdAt = createdAt
        self.rev = rev
    }

    enum CodingKeys: String, CodingKey {
        case kind, title, members, createdAt, rev
        case chatID = "chatId"
        case creatorID = "creatorId"
    }
}

/// The title of a chat has changed.
public struct ChatUpdated: Event {
    public static let type: EventType = "chats.chat.updated.v1"
    public var subject: String? { chatID.description }

    public var chatID: ChatID
    public var title: String?
    /// The user who made the change.
    public var userID: UserID
    public var rev: Int64

    public init(chatID: ChatID, title: String? = nil, userID: UserID, rev: Int64) {
        self.chatID = chatID
        self.title = title
        self.userID = userID
        self.rev = rev
    }

    enum CodingKeys: String, CodingKey {
        case title, rev
        case chatID = "chatId"
        case userID = "userId"
    }
}

/// A member was added to a chat, got another role, or left or was removed.
public struct MemberChanged: Event {
    /// An open set. A reader that does not know a change still sees that `role` and `rev` are new.
    public struct Change: RawRepresentable, Hashable, Codable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        public static let added = Change(rawValue: "added")
        public static let roleChanged = Change(rawValue: "roleChanged")
        public static let removed = Change(rawValue: "removed")
    }

    public static let type: EventType = "chats.member.changed.v1"
    public var subject: String? { chatID.description }

    public var chatID: ChatID
    public var memberID: UserID
    public var change: Change
    /// The role after the change; for `removed` the last one.
    public var role: ChatRole
    /// The user who made the change.
    public var userID: UserID
    public var rev: Int64

    public init(chatID: ChatID, memberID: UserID, change: Change, role: ChatRole, userID: UserID, rev: Int64) {
        self.chatID = chatID
        self.memberID = memberID
        self.change = change
        self.role = role
        self.userID = userID
        self.rev = rev
    }

    enum CodingKeys: String, CodingKey {
        case change, role, rev
        case chatID = "chatId"
        case memberID = "memberId"
        case userID = "userId"
    }
}

/// A read marker has moved.
public struct ReadMoved: Event {
    public static let type: EventType = "chats.read.moved.v1"
    public var subject: String? { chatID.description }

    public var chatID: ChatID
    public var userID: UserID
    /// Only increases; ignore a lower one.
    public var readSeq: Int64

    public init(chatID: ChatID, userID: UserID, readSeq: Int64) {
        self.chatID = chatID
        self.userID = userID
        self.readSeq = readSeq
    }

    enum CodingKeys: String, CodingKey {
        case readSeq
        case chatID = "chatId"
        case userID = "userId"
    }
}
