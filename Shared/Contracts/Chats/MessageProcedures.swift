/// Appends one message to a chat. Safe to repeat, for ever: see ``clientMessageID``.
public struct SendMessage: Procedure {
    public static let name: ProcedureName = "chats.send.v1"
    public static let service = ServiceName.chats
    public static let callers: Set<ServiceName> = [.bff, .messaging]
    public static let isRepeatable = true

    public var senderID: UserID
    public var chatID: ChatID
    /// Chosen by the client, unique per chat and sender. Sent twice, it stores one message and gives the same answer; with another content it is `invalid`.
    public var clientMessageID: ClientMessageID
    /// 1–8,000 characters.
    public var text: String
    /// A `seq` of the chat that the sender can see.
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

    /// The message as stored.
    public struct Response: Codable, Hashable, Sendable {
        public var message: Message
        /// True when an earlier try had stored it.
        public var repeated: Bool

        public init(message: Message, repeated: Bool) {
            self.message = message
            self.repeated = repeated
        }

        enum CodingKeys: String, CodingKey { case message, repeated }
    }
}
