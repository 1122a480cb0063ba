/// Messages were sent: the 1–256 of one commit, each chat's in ascending `seq`. Dedupe by `(chatId, seq)`.
public struct MessagesSent: Event {
    public static let type: EventType = "chats.message.sent.v1"
    public var subject: String? { nil }

    public var messages: [Message]

    public init(messages: [Message]) {
        self.messages = messages
    }

    enum CodingKeys: String, CodingKey { case messages }
}

/// A chat was opened.
public struct ChatCreated: Event {
    public static let type: EventType = "chats.chat.created.v1"
    public var subject: String? { chatID.description }

    public var chatID: ChatID
    public var kind: ChatKind
    public var title: String?
    public var creatorID: UserID
    /// All of them.
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

/// A chat's title has changed.
public struct ChatUpdated: Event {
    public static let type: EventType = "chats.chat.updated.v1"
    public var subject: String? { chatID.description }

    public var chatID: ChatID
    public var title: String?
    /// Who did it.
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

/// Somebody was added to a chat, has another role in it, or is out of it.
public struct MemberChanged: Event {
    /// An open set: a reader built last month survives a change added today, of which it learns that `role` and `rev` are others.
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
    /// After the change; the last one for `removed`.
    public var role: ChatRole
    /// Who did it.
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

/// A member has read up to a message.
public struct ReadMoved: Event {
    public static let type: EventType = "chats.read.moved.v1"
    public var subject: String? { chatID.description }

    public var chatID: ChatID
    public var userID: UserID
    /// The highest wins.
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
