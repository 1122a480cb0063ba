/// A fact, told to whoever wants to know after the transaction that made it true: the data of one CloudEvent.
///
/// Evolves as a ``Procedure`` does. Delivered at least once and in no order between instances: dedupe by event id; order by `seq` or `rev`.
public protocol Event: Codable, Sendable {
    /// `<service>.<entity>.<verb>.v<n>`: the routing key and the CloudEvents `type`.
    static var type: EventType { get }
    /// What it is about, an id for example; CloudEvents `subject`.
    var subject: String? { get }
}

public struct EventType: RawRepresentable, Hashable, Codable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }
    public init(stringLiteral value: StaticString) { rawValue = "\(value)" }
    public var description: String { rawValue }
}
