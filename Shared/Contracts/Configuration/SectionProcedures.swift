/// Reads all sections in the order of their names.
public struct ListSections: Procedure {
    public typealias Response = Page<ConfigSection>
    public static let name: ProcedureName = "config.sections.v1"
    public static let service = ServiceName.config
    public static let callers: Set<ServiceName> = [.bff, .messaging, .users, .chats, .idgen]
    public static let timeout = Duration.seconds(2)
    public static let isRepeatable = true
    public static let isReadOnly = true

    public init() {}
}

/// Reads one section; `notFound` if this release has no such section.
public struct GetSection: Procedure {
    public typealias Response = ConfigSection
    public static let name: ProcedureName = "config.section.get.v1"
    public static let service = ServiceName.config
    public static let callers: Set<ServiceName> = [.bff, .messaging, .users, .chats, .idgen]
    public static let timeout = Duration.seconds(2)
    public static let isRepeatable = true
    public static let isReadOnly = true

    public var section: String

    public init(section: String) {
        self.section = section
    }

    enum CodingKeys: String, CodingKey { case section }
}

/// Replaces all values of a section.
///
/// Fails with `invalid` and every field that is absent, unknown or out of its range, or with `stale` if the
/// version is not the current one; then nothing is stored. A repeated change gets the first answer. The same
/// values create no new version.
public struct SetSection: Procedure {
    public typealias Response = ConfigSection
    public static let name: ProcedureName = "config.section.set.v1"
    public static let service = ServiceName.config
    /// The edge, which has verified that the caller is an admin.
    public static let callers: Set<ServiceName> = [.bff]
    public static let isRepeatable = true

    public var section: String
    /// The version that the change is based on.
    public var version: Int64
    public var values: [String: SettingValue]
    /// The admin.
    public var userID: UserID

    public init(section: String, version: Int64, values: [String: SettingValue], userID: UserID) {
        self.section = section
        self.version = version
        self.values = values
        self.userID = userID
    }

    enum CodingKeys: String, CodingKey {
        case section, version, values
        case userID = "userId"
    }
}

/// Lists the changes of a section, newest first; the last 1,000 are kept.
public struct ListSectionChanges: Procedure {
    public typealias Response = Page<ConfigChange>
    public static let name: ProcedureName = "config.section.history.v1"
    public static let service = ServiceName.config
    public static let callers: Set<ServiceName> = [.bff]
    public static let isRepeatable = true
    public static let isReadOnly = true

    public var section: String
    /// 1–100.
    public var limit: Int
    /// The `next` of the previous page.
    public var after: String?

    public init(section: String, limit: Int, after: String? = nil) {
        self.section = section
        self.limit = limit
        self.after = after
    }

    enum CodingKeys: String, CodingKey { case section, limit, after }
}
