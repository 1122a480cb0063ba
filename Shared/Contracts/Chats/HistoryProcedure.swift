/// Reads messages of a chat in ascending `seq`, from the time when the user joined.
///
/// The `next` of a page is the number for the next page:
/// - ``Position/before(seq:)`` after ``Position/newest`` and ``Position/before(seq:)``;
/// - ``Position/after(seq:)`` after ``Position/after(seq:)`` and ``Position/at(time:)``;
/// - ``Position/changedAfter(rev:)`` after ``Position/changedAfter(rev:)``.
///
/// A caller that caches pages sends the tag of its page. If the page is unchanged for this reader, the
/// response has no messages.
public struct GetHistory: Procedure {
    public static let name: ProcedureName = "chats.history.v1"
    public static let service = ServiceName.chats
    public static let callers: Set<ServiceName> = [.bff, .messaging]
    public static let isRepeatable = true
    public static let isReadOnly = true

    /// The caller.
    public var userID: UserID
    public var chatID: ChatID
    public var position: Position
    /// 1–100.
    public var limit: Int
    /// The tag of the cached page, ``PageTag/none`` without one; `nil` if the caller caches no pages.
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

    /// The part of the history to read.
    public enum Position: Hashable, Sendable {
        /// The newest messages.
        case newest
        /// The messages directly before a `seq`.
        case before(seq: Int64)
        /// The messages directly after a `seq`.
        case after(seq: Int64)
        /// The messages from the first one that is not older than a time.
        case at(time: Timestamp)
        /// The messages sent or changed after a `rev`: pages are ordered by `rev`, messages within a page by
        /// `seq`.
        case changedAfter(rev: Int64)
    }
}

extension GetHistory {
    /// A page of messages.
    public struct Response: Codable, Hashable, Sendable {
        /// The tag of this page; absent if the request has no ``GetHistory/known``.
        public var tag: PageTag?
        /// True if the cached page is current; then only the tag is set.
        public var unchanged: Bool?
        public var items: [Message]
        /// The number for the next page; absent on the last page.
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

/// An opaque tag of the content of a page: pages with equal tags are equal, for every reader and instance.
public struct PageTag: RawRepresentable, Hashable, Codable, Sendable {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }

    /// The tag of no page.
    public static let none = PageTag(rawValue: "")
}

/// On the wire: `{"kind":"before","seq":40}`. An unknown kind is an error; an unknown field is not.
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
