/// Frames for live connections with their recipients. It is no event: users who are not connected never get
/// it, and fetch what it announces.
///
/// Published to the partitions of all recipients at once, at least once. An instance of `messaging` sends
/// each frame to the recipients that are connected to it.
public struct Delivery: Codable, Hashable, Sendable {
    public var items: [Item]

    public init(items: [Item]) {
        self.items = items
    }

    enum CodingKeys: String, CodingKey { case items }

    public struct Item: Codable, Hashable, Sendable {
        /// The users; all their devices get the frame.
        public var recipients: [UserID]
        /// The frame, a JSON object with `type` first. `messaging` adds only `n`.
        public var frame: String
        /// For a new message, which is sent once and in the order of its chat.
        public var message: Place?
        /// For a `presence` frame, which instances of `messaging` exchange.
        public var presence: Presence?

        public init(recipients: [UserID], frame: String, message: Place? = nil, presence: Presence? = nil) {
            self.recipients = recipients
            self.frame = frame
            self.message = message
            self.presence = presence
        }

        enum CodingKeys: String, CodingKey { case recipients, frame, message, presence }
    }

    /// The presence of a user, and what the recipients' instances do with it.
    public struct Presence: Codable, Hashable, Sendable {
        /// An open set: readers ignore kinds that they do not know.
        public struct Kind: RawRepresentable, Hashable, Codable, Sendable {
            public let rawValue: String
            public init(rawValue: String) { self.rawValue = rawValue }

            /// Send the frame to the recipients.
            public static let news = Kind(rawValue: "news")
            /// Send the user the presence of the recipients.
            public static let question = Kind(rawValue: "question")
            /// Both.
            public static let newsAndQuestion = Kind(rawValue: "newsAndQuestion")
            /// Sent to the instance that owns the user, the only recipient, after another instance has closed
            /// their connections. Unless they have reconnected, announce that they are offline.
            public static let disconnected = Kind(rawValue: "letGo")
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

    /// The position of a message and the send that it results from. The sending connection does not get the
    /// frame.
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
