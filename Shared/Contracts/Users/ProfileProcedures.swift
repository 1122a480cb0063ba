/// Reads public profiles; unknown users are left out.
public struct GetProfiles: Procedure {
    public static let name: ProcedureName = "users.profiles.v1"
    public static let service = ServiceName.users
    public static let callers: Set<ServiceName> = [.bff, .chats]
    public static let isRepeatable = true
    public static let isReadOnly = true

    /// 1–100; up to 1,000 for `chats`.
    public var ids: [UserID]

    public init(ids: [UserID]) {
        self.ids = ids
    }

    enum CodingKeys: String, CodingKey { case ids }

    /// The profiles in the order of the request.
    public struct Response: Codable, Hashable, Sendable {
        public var users: [User]

        public init(users: [User]) {
            self.users = users
        }

        enum CodingKeys: String, CodingKey { case users }
    }
}

/// Finds users by a part of their username or display name.
public struct SearchUsers: Procedure {
    public typealias Response = Page<User>
    public static let name: ProcedureName = "users.search.v1"
    public static let service = ServiceName.users
    public static let callers: Set<ServiceName> = [.bff]
    public static let isRepeatable = true
    public static let isReadOnly = true

    /// 3–64 characters.
    public var query: String
    /// 1–100.
    public var limit: Int
    /// The `next` of the previous page.
    public var after: String?

    public init(query: String, limit: Int, after: String? = nil) {
        self.query = query
        self.limit = limit
        self.after = after
    }

    enum CodingKeys: String, CodingKey { case query, limit, after }
}
