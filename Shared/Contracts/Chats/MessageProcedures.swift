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

/// Reads messages of a chat, in ascending `seq`, from where the user joined.
///
/// A page's `next` is the number to go on with: as ``Position/before(seq:)`` after ``Position/newest`` and ``Position/before(seq:)``,
/// as ``Position/after(seq:)`` after ``Position/after(seq:)`` and ``Position/at(time:)``, as ``Position/changedAfter(rev:)`` after that.
public struct GetHistory: Procedure {
    public typealias Response = Page<Message>
    public static let name: ProcedureName = "chats.history.v1"
    public static let service = ServiceName.chats
    public static let callers: Set<ServiceName> = [.bff, .messaging]
    public static let isRepeatable = true
    public static let isReadOnly = true

    /// Who asks.
    public var userID: UserID
    public var chatID: ChatID
    public var position: Position
    /// 1–100.
    public var limit: Int

    public init(userID: UserID, chatID: ChatID, position: Position, limit: Int) {
        self.userID = userID
        self.chatID = chatID
        self.position = position
        self.limit = limit
    }

    enum CodingKeys: String, CodingKey {
        case position, limit
        case userID = "userId"
        case chatID = "chatId"
    }

    /// Where to read.
    public enum Position: Hashable, Sendable {
        /// The newest ones.
        case newest
        /// Those just before a `seq`.
        case before(seq: Int64)
        /// Those just after a `seq`.
        case after(seq: Int64)
        /// From the first message not before a moment.
        case at(time: Timestamp)
        /// Those sent or changed after a `rev`: the pages by `rev`, each page by `seq`.
        case changedAfter(rev: Int64)
    }
}

/// On the wire: `{"kind":"before","seq":40}`. A kind that this build does not know is an error; a field is not.
extension GetHistory.Position: Codable {
    private enum Kind: String, Codable { case newest, before, after, at, changedAfter }
    private enum CodingKeys: String, CodingKey { case kind, seq, time, rev }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        switch try container.decode(Kind.self, forKey: .kind) {
        case .newest: self = .newest
        case .before: self = .before(seq: try container.decode(Int64.self, forKey: .seq))
        case .after: self = .after(seq: try container.decode(Int64.self, forKey: .seq))
        case .at: self = .at(time: try container.decode(Timestamp.self, forKey: .time))
        case .changedAfter: self = .changedAfter(rev: try container.decode(Int64.self, forKey: .rev))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kind, forKey: .kind)
        switch self {
        case .newest: break
        case .before(let seq), .after(let seq): try container.encode(seq, forKey: .seq)
        case .at(let time): try container.encode(time, forKey: .time)
        case .changedAfter(let rev): try container.encode(rev, forKey: .rev)
        }
    }

    private var kind: Kind {
        switch self {
        case .newest: .newest
        case .before: .before
        case .after: .after
        case .at: .at
        case .changedAfter: .changedAfter
        }
    }
}
