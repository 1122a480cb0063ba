/// Lists connections, newest first.
public struct ListContacts: Procedure {
    public typealias Response = Page<Contact>
    public static let name: ProcedureName = "users.connections.v1"
    public static let service = ServiceName.users
    public static let callers: Set<ServiceName> = [.bff]
    public static let isRepeatable = true
    public static let isReadOnly = true

    /// Who asks.
    public var userID: UserID
    /// 1–100.
    public var limit: Int
    /// A page's `next`.
    public var after: String?

    public init(userID: UserID, limit: Int, after: String? = nil) {
        self.userID = userID
        self.limit = limit
        self.after = after
    }

    enum CodingKeys: String, CodingKey {
        case limit, after
        case userID = "userId"
    }
}

/// Takes one step between two people. A step that is done already changes nothing and succeeds; one against the rules is a `conflict`.
public struct ChangeContact: Procedure {
    public static let name: ProcedureName = "users.changeConnection.v1"
    public static let service = ServiceName.users
    public static let callers: Set<ServiceName> = [.bff]
    public static let isRepeatable = true

    /// Who asks.
    public var userID: UserID
    public var otherID: UserID
    public var step: Step

    public init(userID: UserID, otherID: UserID, step: Step) {
        self.userID = userID
        self.otherID = otherID
        self.step = step
    }

    enum CodingKeys: String, CodingKey {
        case step
        case userID = "userId"
        case otherID = "otherId"
    }

    public enum Step: String, Codable, Sendable, CaseIterable {
        /// Somebody who has invited already is connected by it.
        case invite
        /// Of an invitation by the other one.
        case accept
        /// Withdraws an invitation, or declines one.
        case cancel
        /// Of a connection.
        case remove
    }

    /// The tie after the step; none after `cancel` and `remove`.
    public struct Response: Codable, Hashable, Sendable {
        public var contact: Contact?

        public init(contact: Contact?) { self.contact = contact }

        enum CodingKeys: String, CodingKey { case contact = "connection" }
    }
}

/// Lists whom the user has blocked, newest first.
public struct ListBlocks: Procedure {
    public typealias Response = Page<Block>
    public static let name: ProcedureName = "users.blocks.v1"
    public static let service = ServiceName.users
    public static let callers: Set<ServiceName> = [.bff]
    public static let isRepeatable = true
    public static let isReadOnly = true

    /// Who asks.
    public var userID: UserID
    /// 1–100.
    public var limit: Int
    /// A page's `next`.
    public var after: String?

    public init(userID: UserID, limit: Int, after: String? = nil) {
        self.userID = userID
        self.limit = limit
        self.after = after
    }

    enum CodingKeys: String, CodingKey {
        case limit, after
        case userID = "userId"
    }
}

/// Blocks or unblocks somebody.
public struct SetBlock: Procedure {
    public typealias Response = EmptyResponse
    public static let name: ProcedureName = "users.setBlock.v1"
    public static let service = ServiceName.users
    public static let callers: Set<ServiceName> = [.bff]
    public static let isRepeatable = true

    /// Who asks.
    public var userID: UserID
    public var otherID: UserID
    public var blocked: Bool

    public init(userID: UserID, otherID: UserID, blocked: Bool) {
        self.userID = userID
        self.otherID = otherID
        self.blocked = blocked
    }

    enum CodingKeys: String, CodingKey {
        case blocked
        case userID = "userId"
        case otherID = "otherId"
    }
}
