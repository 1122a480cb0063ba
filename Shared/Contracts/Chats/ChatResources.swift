/// The kind of a chat. An open set: readers must accept kinds that they do not know.
public struct ChatKind: RawRepresentable, Hashable, Codable, Sendable {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }

    /// A chat of two users; one per pair.
    public static let direct = ChatKind(rawValue: "direct")
    public static let group = ChatKind(rawValue: "group")

    /// The values that this build knows.
    public static let known: [ChatKind] = [.direct, .group]
}

/// What a member may do. An open set, like ``ChatKind``; a role that a reader does not know allows nothing.
public struct ChatRole: RawRepresentable, Hashable, Codable, Sendable {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }

    public static let owner = ChatRole(rawValue: "owner")
    public static let admin = ChatRole(rawValue: "admin")
    public static let member = ChatRole(rawValue: "member")

    /// The values that this build knows.
    public static let known: [ChatRole] = [.owner, .admin, .member]
}

/// A chat as one member, the reader, sees it.
public struct Chat: Codable, Hashable, Sendable {
    public var id: ChatID
    public var kind: ChatKind
    /// 1–200 characters; absent for a direct chat.
    public var title: String?
    public var memberCount: Int
    /// The reader's role.
    public var role: ChatRole
    public var lastMessage: Message?
    /// The number of messages of others after `readSeq`.
    public var unread: Int
    public var readSeq: Int64
    /// Increases with every change inside the chat.
    public var rev: Int64
    public var createdAt: Timestamp
    public var updatedAt: Timestamp
    /// True if the reader has left the chat; only in answers to `changedSince`. `updatedAt` and `rev` are
    /// then those of leaving, and later changes of the chat (title, members, messages) are left out.
    public var left: Bool?

    public init(
        id: ChatID, kind: ChatKind, title: String? = nil, memberCount: Int, role: ChatRole, lastMessage: Message? = nil,
        unread: Int, readSeq: Int64, rev: Int64, createdAt: Timestamp, updatedAt: Timestamp, left: Bool? = nil
    ) {
        self.id = id
        self.kind = kind
        self.title = title
        self.memberCount = memberCount
        self.role = role
        self.lastMessage = lastMessage
        self.unread = unread
        self.readSeq = readSeq
        self.rev = rev
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.left = left
    }

    enum CodingKeys: String, CodingKey {
        case id, kind, title, memberCount, role, lastMessage, unread, readSeq, rev, createdAt, updatedAt, left
    }
}

/// A member of a chat.
public struct Member: Codable, Hashable, Sendable {
    public var userID: UserID
    public var role: ChatRole
    public var joinedAt: Timestamp
    public var readSeq: Int64
    public var deliveredSeq: Int64

    public init(userID: UserID, role: ChatRole, joinedAt: Timestamp, readSeq: Int64, deliveredSeq: Int64) {
        self.userID = userID
        self.role = role
        self.joinedAt = joinedAt
        self.readSeq = readSeq
        self.deliveredSeq = deliveredSeq
    }

    enum CodingKeys: String, CodingKey {
        case role, joinedAt, readSeq, deliveredSeq
        case userID = "userId"
    }
}

/// A message as history, events and sockets carry it.
public struct Message: Codable, Hashable, Sendable {
    public var id: MessageID
    public var chatID: ChatID
    /// 1, 2, 3, … within the chat, in commit order.
    public var seq: Int64
    /// The `rev` of the chat at the last change of this message.
    public var rev: Int64
    public var senderID: UserID
    public var clientMessageID: ClientMessageID
    /// 1–8,000 characters; empty after deletion.
    public var text: String
    /// Never decreases along `seq`.
    public var sentAt: Timestamp
    public var editedAt: Timestamp?
    public var deletedAt: Timestamp?
    /// The `seq` of the message that this message replies to.
    public var replyTo: Int64?

    public init(
        id: MessageID, chatID: ChatID, seq: Int64, rev: Int64, senderID: UserID, clientMessageID: ClientMessageID, text: String,
        sentAt: Timestamp, editedAt: Timestamp? = nil, deletedAt: Timestamp? = nil, replyTo: Int64? = nil
    ) {
        self.id = id
        self.chatID = chatID
        self.seq = seq
        self.rev = rev
        self.senderID = senderID
        self.clientMessageID = clientMessageID
        self.text = text
        self.sentAt = sentAt
        self.editedAt = editedAt
        self.deletedAt = deletedAt
        self.replyTo = replyTo
    }

    enum CodingKeys: String, CodingKey {
        case id, seq, rev, text, sentAt, editedAt, deletedAt, replyTo
        case chatID = "chatId"
        case senderID = "senderId"
        case clientMessageID = "clientMessageId"
    }
}
