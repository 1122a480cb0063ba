/// A request that one service answers for others: a value with a name that never changes.
///
/// Fields are added, never renamed or retyped, within a version: an added field is optional, unknown ones are ignored. A changed meaning is a new version.
public protocol Procedure: Codable, Sendable {
    associatedtype Response: Codable & Sendable

    static var name: ProcedureName { get }
    /// Who answers.
    static var service: ServiceName { get }
    /// Who may ask; checked by the server against the broker-verified name of the caller.
    static var callers: Set<ServiceName> { get }
    /// How long a caller waits unless it says otherwise. At most what is left of its own deadline.
    static var timeout: Duration { get }
    /// Whether asking twice is as good as asking once, so that the bus may ask again by itself when an answer stays away.
    static var isRepeatable: Bool { get }
    /// Whether it changes nothing. Then it has never happened, however it fails: the caller is told to ask again, not that it does not know.
    static var isReadOnly: Bool { get }
    /// Whether so much hangs on it that it is not refused because others have too much to do. Only for calls of which few are under way at any time: neither
    /// callers nor servers count them among all others.
    static var isVital: Bool { get }
}

extension Procedure {
    public static var timeout: Duration { .seconds(5) }
    public static var isReadOnly: Bool { false }
    public static var isVital: Bool { false }
}

/// `<service's noun>.<verb>.v<major>`, as it stands on the wire.
public struct ProcedureName: RawRepresentable, Hashable, Codable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }
    public init(stringLiteral value: StaticString) { rawValue = "\(value)" }
    public var description: String { rawValue }
}

/// The name of a service: its executable, its Postgres role and schema, its broker user, its routing key.
public struct ServiceName: RawRepresentable, Hashable, Codable, Sendable, CustomStringConvertible {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }
    public var description: String { rawValue }

    public static let bff = ServiceName(rawValue: "bff")
    public static let users = ServiceName(rawValue: "users")
    public static let chats = ServiceName(rawValue: "chats")
    public static let idgen = ServiceName(rawValue: "idgen")
    public static let messaging = ServiceName(rawValue: "messaging")
    public static let config = ServiceName(rawValue: "config")
}

/// The answer of a procedure that has nothing to tell but that it is done.
public struct EmptyResponse: Codable, Hashable, Sendable {
    public init() {}
}
