/// Reads all sections, by name.
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

/// Reads one section; `notFound` for one that this release does not have.
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

/// Gives a section new values, all of them: `invalid` with every field that is absent, unknown or out of its range, and then nothing is stored; `stale` when the
/// version is not the present one. Repeating a change that has happened gives its answer again; values that are there already make no new version.
public struct SetSection: Procedure {
    public typealias Response = ConfigSection
    public static let name: ProcedureName = "config.section.set.v1"
    public static let service = ServiceName.config
    /// The edge, which has made sure that an admin asks.
    public static let callers: Set<ServiceName> = [.bff]
    public static let isRepeatable = true

    public var section: String
    /// What the change is meant for.
    public var version: Int64
    public var values: [String: SettingValue]
    /// Who asks.
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

/// Lists what was done to a section, the latest first; the last 1,000 changes are kept.
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
    /// A page's `next`.
    public var after: String?

    public init(section: String, limit: Int, after: String? = nil) {
        self.section = section
        self.limit = limit
        self.after = after
    }

    enum CodingKeys: String, CodingKey { case section, limit, after }
}
