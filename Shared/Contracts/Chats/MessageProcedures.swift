/// Appends a message to a chat. Safe to repeat at any time: see ``clientMessageID``.
public struct SendMessage: Procedure {
    public static let name: ProcedureName = "chats.send.v1"
    public static let service = ServiceName.chats
    public static let callers: Set<ServiceName> = [.bff, .messaging]
    public static let isRepeatable = true

    public var senderID: UserID
    public var chatID: ChatID
    /// The client's idempotency key, unique per chat and sender. A repeat stores no message and gets the
    /// first answer; a repeat with another content is `invalid`.
    public var clientMessageID: ClientMessageID
    /// 1–8,000 characters.
    public var text: String
    /// The `seq` of a message that the sender can see.
    public var replyTo: Int64?

    public init(senderID: UserID, chatID: ChatID, clientMessageID: ClientMessageID, text: String, replyTo: Int64? = nil) {
        self.senderID = senderID
        self.chatID = chatID
        self.clientMessageID = clientMessageID
        self.text = text
        self.replyTo = replyTo
    }

    enum CodingKeys: String, CodingKey {
        case text, replyTo
        case senderID = "senderId"
        case chatID = "chatId"
        case clientMessageID = "clientMessageId"
    }

    /// The stored message.
    public struct Response: Codable, Hashable, Sendable {
        public var message: Message
        /// True if an earlier request has stored it.
        public var repeated: Bool

        public init(message: Message, repeated: Bool) {
            self.message = message
            self.repeated = repeated
        }

        enum CodingKeys: String, CodingKey { case message, repeated }
    }
}
