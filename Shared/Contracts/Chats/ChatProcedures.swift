/// Opens a chat. A direct chat of the same two people is one chat, whoever opens it and however often.
public struct CreateChat: Procedure {
    public static let name: ProcedureName = "chats.create.v1"
    public static let service = ServiceName.chats
    public static let callers: Set<ServiceName> = [.bff]
    public static let isRepeatable = false

    public var creatorID: UserID
    public var kind: ChatKind
    /// Of a group: 1–200 characters.
    public var title: String?
    /// The others: one for a direct chat, 1–999 for a group.
    public var members: [UserID]
    /// From the header of that name: the same key within 24 h gives the first answer; 1–128 characters.
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

    /// The chat, as its creator sees it.
    public struct Response: Codable, Hashable, Sendable {
        public var chat: Chat
        /// False when it was there already.
        public var created: Bool

        public init(chat: Chat, created: Bool) {
            self.chat = chat
            self.created = created
        }

        enum CodingKeys: String, CodingKey { case chat, created }
    }
}

/// Lists a user's chats, newest first; or, newest first too, those changed since a cursor given earlier, those left among them.
public struct ListChats: Procedure {
    public static let name: ProcedureName = "chats.list.v1"
    public static let service = ServiceName.chats
    public static let callers: Set<ServiceName> = [.bff, .messaging]
    public static let isRepeatable = true
    public static let isReadOnly = true

    /// Who asks.
    public var userID: UserID
    /// 1–100.
    public var limit: Int
    /// A page's `next`.
    public var after: String?
    /// A `cursor` given earlier. A chat may come twice and is never missed.
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

    /// A page, and where to ask for changes from next time.
    public struct Response: Codable, Hashable, Sendable {
        public var items: [Chat]
        public var next: String?
        /// For `changedSince`, given with every first page. Asking with it shows whatever changed since, and some chats again.
        public var cursor: String?

        public init(items: [Chat], next: String? = nil, cursor: String? = nil) {
            self.items = items
            self.next = next
            self.cursor = cursor
        }

        enum CodingKeys: String, CodingKey { case items, next, cursor }
    }
}

/// Reads one chat of the user; `notFound` when not a member.
public struct GetChat: Procedure {
    public typealias Response = Chat
    public static let name: ProcedureName = "chats.get.v1"
    public static let service = ServiceName.chats
    public static let callers: Set<ServiceName> = [.bff, .messaging]
    public static let isRepeatable = true
    public static let isReadOnly = true

    /// Who asks.
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

/// Changes a group's title; owners and admins only.
public struct UpdateChat: Procedure {
    public typealias Response = Chat
    public static let name: ProcedureName = "chats.update.v1"
    public static let service = ServiceName.chats
    public static let callers: Set<ServiceName> = [.bff]
    public static let isRepeatable = true

    /// Who asks.
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
