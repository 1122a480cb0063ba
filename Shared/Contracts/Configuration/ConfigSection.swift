/// A section of the dynamic configuration as it is now: values that belong together and change together.
public struct ConfigSection: Codable, Hashable, Sendable {
    /// In camel case, `pageSizes`.
    public var name: String
    /// 1, 2, 3, … with every change.
    public var version: Int64
    /// By name. All that this release of `config` knows of the section, and what a later one has stored.
    public var values: [String: SettingValue]
    public var changedAt: Timestamp
    /// Absent: nobody has changed it since the deployment began.
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

/// What somebody did to a section.
public struct ConfigChange: Codable, Hashable, Sendable {
    /// Which version it made.
    public var version: Int64
    /// Of the version before; empty for the first.
    public var before: [String: SettingValue]
    public var after: [String: SettingValue]
    public var changedAt: Timestamp
    /// Absent for the first version, which nobody made.
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
