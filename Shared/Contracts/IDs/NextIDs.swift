/// Issues ids that no other call, process or clock ever issues again.
public struct NextIDs: Procedure {
    public static let name: ProcedureName = "ids.next.v1"
    public static let service = ServiceName.idgen
    public static let callers: Set<ServiceName> = [.users, .chats]
    public static let timeout = Duration.seconds(2)
    /// Ids that an unanswered try took are lost, which harms nobody.
    public static let isRepeatable = true

    /// 1…4,096.
    public var count: Int

    public init(count: Int) { self.count = count }

    enum CodingKeys: String, CodingKey { case count }

    /// As many ids as asked for, ascending. Whoever asked decides what kind of id they become.
    public struct Response: Codable, Hashable, Sendable {
        public var ids: [RawID]

        public init(ids: [RawID]) { self.ids = ids }

        enum CodingKeys: String, CodingKey { case ids }
    }

    /// An id before anybody said of what.
    public struct RawID: Identifier {
        public let rawValue: Int64
        public init(rawValue: Int64) { self.rawValue = rawValue }
    }
}
