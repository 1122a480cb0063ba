/// Frames for live connections, each with who gets it. Not a fact: whoever is not connected never sees it, and fetches what it tells.
///
/// Told to the partitions of all recipients at once, at least once; an instance of `messaging` shows each frame to those of the recipients that it has.
public struct Delivery: Codable, Hashable, Sendable {
    public var items: [Item]

    public init(items: [Item]) {
        self.items = items
    }

    enum CodingKeys: String, CodingKey { case items }

    public struct Item: Codable, Hashable, Sendable {
        /// All devices of these users.
        public var recipients: [UserID]
        /// The frame as clients get it, a JSON object with `type` first; only `n` is added to it.
        public var frame: String
        /// Of a new message: shown in the order of its chat, once.
        public var message: Place?
        /// Of a `presence`, which instances of `messaging` tell one another.
        public var presence: Presence?

        public init(recipients: [UserID], frame: String, message: Place? = nil, presence: Presence? = nil) {
            self.recipients = recipients
            self.frame = frame
            self.message = message
            self.presence = presence
        }

        enum CodingKeys: String, CodingKey { case recipients, frame, message, presence }
    }

    /// Whether somebody is there, and what the recipients' instances are to do with it.
    public struct Presence: Codable, Hashable, Sendable {
        /// An open set: what is not known is passed over.
        public struct Kind: RawRepresentable, Hashable, Codable, Sendable {
            public let rawValue: String
            public init(rawValue: String) { self.rawValue = rawValue }

            /// Show it to the recipients.
            public static let news = Kind(rawValue: "news")
            /// Tell the user which of the recipients are there.
            public static let question = Kind(rawValue: "question")
            /// Both.
            public static let newsAndQuestion = Kind(rawValue: "newsAndQuestion")
            /// To the instance that has the user now, the only recipient: they were let go elsewhere. Unless they have come, say that they are gone.
            public static let letGo = Kind(rawValue: "letGo")
        }

        public var kind: Kind
        public var userID: UserID
        public var online: Bool

        public init(kind: Kind, userID: UserID, online: Bool) {
            self.kind = kind
            self.userID = userID
            self.online = online
        }

        enum CodingKeys: String, CodingKey {
            case kind, online
            case userID = "userId"
        }
    }

    /// Where a message stands, and which send it answers: the connection that sent it is not shown it again.
    public struct Place: Codable, Hashable, Sendable {
        public var chatID: ChatID
        public var seq: Int64
        public var senderID: UserID
        public var clientMessageID: ClientMessageID
        public var sentAt: Timestamp

        public init(chatID: ChatID, seq: Int64, senderID: UserID, clientMessageID: ClientMessageID, sentAt: Timestamp) {
            self.chatID = chatID
            self.seq = seq
            self.senderID = senderID
            self.clientMessageID = clientMessageID
            self.sentAt = sentAt
        }

        enum CodingKeys: String, CodingKey {
            case seq, sentAt
            case chatID = "chatId"
            case senderID = "senderId"
            case clientMessageID = "clientMessageId"
        }
    }
}
