/// A request that one service answers for others: a value with a name that never changes.
///
/// Within a version, fields are added, never renamed or retyped: an added field is optional, and unknown
/// fields are ignored. A changed meaning is a new version.
public protocol Procedure: Codable, Sendable {
    associatedtype Response: Codable & Sendable

    static var name: ProcedureName { get }
    /// The service that answers.
    static var service: ServiceName { get }
    /// The services that may call. The server checks the caller's name, which the broker has verified.
    static var callers: Set<ServiceName> { get }
    /// How long a call waits for its answer; 5 seconds by default. The caller's own deadline may shorten it.
    static var timeout: Duration { get }
    /// Whether a repeated call has the effect of one call. Then the bus repeats a call whose answer is lost.
    static var isRepeatable: Bool { get }
    /// Whether a call changes nothing; false by default. Then a failed call has never happened, and its
    /// caller may simply retry.
    static var isReadOnly: Bool { get }
    /// Whether a call is exempt from the limits on concurrent calls of callers and servers; false by default.
    /// Only for procedures of which few calls are under way at any time.
    static var isVital: Bool { get }
}

extension Procedure {
    public static var timeout: Duration { .seconds(5) }
    public static var isReadOnly: Bool { false }
    public static var isVital: Bool { false }
}

/// The name of a procedure on the wire: `<service's noun>.<verb>.v<major>`.
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

/// The response of a procedure that returns nothing.
public struct EmptyResponse: Codable, Hashable, Sendable {
    public init() {}
}
