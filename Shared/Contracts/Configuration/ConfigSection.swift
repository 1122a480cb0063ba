/// A section of the dynamic configuration: values that belong together and change together.
public struct ConfigSection: Codable, Hashable, Sendable {
    /// The name in camel case, `pageSizes`.
    public var name: String
    /// 1, 2, 3, …; incremented with every change.
    public var version: Int64
    /// The values by field: all fields of this release of `config`, and those that a later release has
    /// stored.
    public var values: [String: SettingValue]
    public var changedAt: Timestamp
    /// The admin; absent before the first change.
    public var changedBy: UserID?

    public init(name: String, version: Int64, values: [String: SettingValue], changedAt: Timestamp, changedBy: UserID? = nil) {
        self.name = name
        self.version = version
        self.values = values
        self.changedAt = changedAt
        self.changedBy = changedBy
    }

    enum CodingKeys: String, CodingKey { case name, version, values, changedAt, changedBy }
}

/// A change of a section.
public struct ConfigChange: Codable, Hashable, Sendable {
    /// The version that the change created.
    public var version: Int64
    /// The values of the previous version; empty for the first.
    public var before: [String: SettingValue]
    public var after: [String: SettingValue]
    public var changedAt: Timestamp
    /// The admin; absent for the first version.
    public var changedBy: UserID?

    public init(
        version: Int64, before: [String: SettingValue], after: [String: SettingValue], changedAt: Timestamp,
        changedBy: UserID? = nil
    ) {
        self.version = version
        self.before = before
        self.after = after
        self.changedAt = changedAt
        self.changedBy = changedBy
    }

    enum CodingKeys: String, CodingKey { case version, before, after, changedAt, changedBy }
}

/// Announces a new version of a section. It may be lost, so readers also read the section regularly.
public struct SectionChanged: Notice {
    public static let type: EventType = "config.section.changed.v1"
    public var subject: String? { name }

    public var name: String
    public var version: Int64

    public init(name: String, version: Int64) {
        self.name = name
        self.version = version
    }

    enum CodingKeys: String, CodingKey { case name, version }
}
