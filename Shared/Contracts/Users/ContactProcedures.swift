/// Lists the caller's contacts, newest first.
public struct ListContacts: Procedure {
    public typealias Response = Page<Contact>
    public static let name: ProcedureName = "users.connections.v1"
    public static let service = ServiceName.users
    public static let callers: Set<ServiceName> = [.bff]
    public static let isRepeatable = true
    public static let isReadOnly = true

    /// The caller.
    public var userID: UserID
    /// 1–100.
    public var limit: Int
    /// The `next` of the previous page.
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

/// Changes the contact between two users. A step that has been taken already succeeds; a step against the
/// rules is a `conflict`.
public struct ChangeContact: Procedure {
    public static let name: ProcedureName = "users.changeConnection.v1"
    public static let service = ServiceName.users
    public static let callers: Set<ServiceName> = [.bff]
    public static let isRepeatable = true

    /// The caller.
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
        /// Invites the other user; connects the two if the other user has invited the caller.
        case invite
        /// Accepts an invitation of the other user.
        case accept
        /// Withdraws or declines an invitation.
        case cancel
        /// Removes a connected contact.
        case remove
    }

    /// The contact after the step; absent after `cancel` and `remove`.
    public struct Response: Codable, Hashable, Sendable {
        public var contact: Contact?

        public init(contact: Contact?) { self.contact = contact }

        enum CodingKeys: String, CodingKey { case contact = "connection" }
    }
}

/// Lists the users whom the caller has blocked, newest first.
public struct ListBlocks: Procedure {
    public typealias Response = Page<Block>
    public static let name: ProcedureName = "users.blocks.v1"
    public static let service = ServiceName.users
    public static let callers: Set<ServiceName> = [.bff]
    public static let isRepeatable = true
    public static let isReadOnly = true

    /// The caller.
    public var userID: UserID
    /// 1–100.
    public var limit: Int
    /// The `next` of the previous page.
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

/// Blocks or unblocks a user.
public struct SetBlock: Procedure {
    public typealias Response = EmptyResponse
    public static let name: ProcedureName = "users.setBlock.v1"
    public static let service = ServiceName.users
    public static let callers: Set<ServiceName> = [.bff]
    public static let isRepeatable = true

    /// The caller.
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
