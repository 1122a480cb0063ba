/// A section has a new version; whoever reads it reads it again. May be lost: read now and then without it.
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
