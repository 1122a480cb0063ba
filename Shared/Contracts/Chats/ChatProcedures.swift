/// Creates a chat. Two users have one direct chat: creating it again, from either side, returns the existing
/// one.
public struct CreateChat: Procedure {
    public static let name: ProcedureName = "chats.create.v1"
    public static let service = ServiceName.chats
    public static let callers: Set<ServiceName> = [.bff]
    public static let isRepeatable = false

    public var creatorID: UserID
    public var kind: ChatKind
    /// The title of a group, 1–200 characters.
    public var title: String?
    /// The other members: one for a direct chat, 1–999 for a group.
    public var members: [UserID]
    /// The header `Idempotency-Key`, 1–128 characters: a repeat within 24 h gets the first answer.
    public var idempotencyKey: String?

    public init(creatorID: UserID, kind: ChatKind, title: String? = nil, members: [UserID], idempotencyKey: String? = nil) {
        self.creatorID = creatorID
        self.kind = kind
        self.title = title
        self.members = members
        self.idempotencyKey = idempotencyKey
    }

    enum CodingKeys: String, CodingKey {
        case kind, title, members, idempotencyKey
        case creatorID = "creatorId"
    }

    /// The chat as its creator sees it.
    public struct Response: Codable, Hashable, Sendable {
        public var chat: Chat
        /// False if the chat existed already.
        public var created: Bool

        public init(chat: Chat, created: Bool) {
            self.chat = chat
            self.created = created
        }

        enum CodingKeys: String, CodingKey { case chat, created }
    }
}

/// Lists the chats of a user, newest first: all of them, or those that have changed since an earlier cursor.
///
/// The changed chats include those that the user has left.
public struct ListChats: Procedure {
    public static let name: ProcedureName = "chats.list.v1"
    public static let service = ServiceName.chats
    public static let callers: Set<ServiceName> = [.bff, .messaging]
    public static let isRepeatable = true
    public static let isReadOnly = true

    /// The caller.
    public var userID: UserID
    /// 1–100.
    public var limit: Int
    /// The `next` of the previous page.
    public var after: String?
    /// A `cursor` of an earlier response. A chat may come twice and is never missed.
    public var changedSince: String?

    public init(userID: UserID, limit: Int, after: String? = nil, changedSince: String? = nil) {
        self.userID = userID
        self.limit = limit
        self.after = after
        self.changedSince = changedSince
    }

    enum CodingKeys: String, CodingKey {
        case limit, after, changedSince
        case userID = "userId"
    }

    /// A page of chats, and the cursor for later changes.
    public struct Response: Codable, Hashable, Sendable {
        public var items: [Chat]
        public var next: String?
        /// The value for `changedSince`, on first pages only. It returns all later changes, and some chats
        /// again.
        public var cursor: String?

        public init(items: [Chat], next: String? = nil, cursor: String? = nil) {
            self.items = items
            self.next = next
            self.cursor = cursor
        }

        enum CodingKeys: String, CodingKey { case items, next, cursor }
    }
}

/// Reads one chat of the user; `notFound` if the user is not a member.
public struct GetChat: Procedure {
    public typealias Response = Chat
    public static let name: ProcedureName = "chats.get.v1"
    public static let service = ServiceName.chats
    public static let callers: Set<ServiceName> = [.bff, .messaging]
    public static let isRepeatable = true
    public static let isReadOnly = true

    /// The caller.
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

/// Changes the title of a group; only owners and admins may.
public struct UpdateChat: Procedure {
    public typealias Response = Chat
    public static let name: ProcedureName = "chats.update.v1"
    public static let service = ServiceName.chats
    public static let callers: Set<ServiceName> = [.bff]
    public static let isRepeatable = true

    /// The caller.
    public var userID: UserID
    public var chatID: ChatID
    /// 1–200 characters.
    public var title: String

    public init(userID: UserID, chatID: ChatID, title: String) {
        self.userID = userID
        self.chatID = chatID
        self.title = title
    }

    enum CodingKeys: String, CodingKey {
        case title
        case userID = "userId"
        case chatID = "chatId"
    }
}
