/// Reads messages of a chat, in ascending `seq`, from where the user joined.
///
/// A page's `next` is the number to go on with: as ``Position/before(seq:)`` after ``Position/newest`` and ``Position/before(seq:)``,
/// as ``Position/after(seq:)`` after ``Position/after(seq:)`` and ``Position/at(time:)``, as ``Position/changedAfter(rev:)`` after that.
///
/// Whoever keeps pages says which one it has: if that is still the page, for this reader and now, the answer is as good and has no messages in it.
public struct GetHistory: Procedure {
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
    /// The page that the caller has, ``PageTag/none`` for none; `nil`: it keeps no pages, and wants no tag.
    public var known: PageTag?

    public init(userID: UserID, chatID: ChatID, position: Position, limit: Int, known: PageTag? = nil) {
        self.userID = userID
        self.chatID = chatID
        self.position = position
        self.limit = limit
        self.known = known
    }

    enum CodingKeys: String, CodingKey {
        case position, limit, known
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

extension GetHistory {
    /// A page of messages.
    public struct Response: Codable, Hashable, Sendable {
        /// Of this page; only for those who said what they know.
        public var tag: PageTag?
        /// True when it is the page that the caller has; then there is nothing else but the tag.
        public var unchanged: Bool?
        public var items: [Message]
        /// Give it back to get what follows; absent at the end.
        public var next: String?

        public init(tag: PageTag? = nil, unchanged: Bool? = nil, items: [Message], next: String? = nil) {
            self.tag = tag
            self.unchanged = unchanged
            self.items = items
            self.next = next
        }

        enum CodingKeys: String, CodingKey { case tag, unchanged, items, next }
    }
}

/// Says what is on a page: equal tags, equal pages, whoever asks and whichever instance answers. Opaque.
public struct PageTag: RawRepresentable, Hashable, Codable, Sendable {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }

    /// No page's.
    public static let none = PageTag(rawValue: "")
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
