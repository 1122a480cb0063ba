/// An event that a service publishes after the commit of the transaction that caused it: the data of one
/// CloudEvent.
///
/// Evolves like a ``Procedure``. Delivered at least once, and in no order between instances: drop duplicates
/// by event id, order by `seq` or `rev`.
public protocol Event: Codable, Sendable {
    /// `<service>.<entity>.<verb>.v<n>`: the routing key and the `type` of the CloudEvent.
    static var type: EventType { get }
    /// The entity that the event is about, an id for example: the `subject` of the CloudEvent.
    var subject: String? { get }
}

/// The name of an event on the wire. It never changes.
public struct EventType: RawRepresentable, Hashable, Codable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }
    public init(stringLiteral value: StaticString) { rawValue = "\(value)" }
    public var description: String { rawValue }
}

/// A message that Martlet's processes broadcast to one another, such as the change of a cached value. It is
/// not stored, and integrations do not receive it.
public protocol Notice: Event {}

extension Notice {
    public var subject: String? { nil }
}
