/// A Snowflake id of one kind of entity; positive. JSON and the bus carry it as a decimal string, because
/// JavaScript loses precision beyond 2^53.
public protocol Identifier: RawRepresentable<Int64>, Codable, Hashable, Comparable, Sendable, LosslessStringConvertible {
    init(rawValue: Int64)
}

extension Identifier {
    /// - Parameter description: decimal digits only, 1…9223372036854775807, without leading zeros; otherwise
    ///   `nil`.
    public init?(_ description: String) {
        guard let value = Int64(description), value > 0, description.utf8.first != UInt8(ascii: "+"),
            description.utf8.first != UInt8(ascii: "0")
        else { return nil }
        self.init(rawValue: value)
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let id = Self(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "must be an id: a decimal number in a string")
        }
        self = id
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    public var description: String { String(rawValue) }
    public static func < (one: Self, other: Self) -> Bool { one.rawValue < other.rawValue }
}

public struct UserID: Identifier {
    public let rawValue: Int64
    public init(rawValue: Int64) { self.rawValue = rawValue }
}

public struct SessionID: Identifier {
    public let rawValue: Int64
    public init(rawValue: Int64) { self.rawValue = rawValue }
}

public struct ChatID: Identifier {
    public let rawValue: Int64
    public init(rawValue: Int64) { self.rawValue = rawValue }
}

/// Ids of messages are roughly in the order of time. The order within a chat is `seq`.
public struct MessageID: Identifier {
    public let rawValue: Int64
    public init(rawValue: Int64) { self.rawValue = rawValue }
}

/// A client's id for a message, unique per chat and sender for ever: 1–64 characters, best a UUID.
public struct ClientMessageID: RawRepresentable, Hashable, Codable, Sendable {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }

    /// Compares bytes, as databases do: `String` would consider an é of one scalar and one of two scalars
    /// equal.
    public static func == (one: ClientMessageID, other: ClientMessageID) -> Bool {
        one.rawValue.utf8.elementsEqual(other.rawValue.utf8)
    }

    public func hash(into hasher: inout Hasher) {
        var text = rawValue
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}

/// Two different users in the order of their ids, so that a pair is the same value from both sides.
package struct UserPair: Hashable, Sendable {
    package let low: UserID
    package let high: UserID

    /// - Returns: `nil` for a user and themselves.
    package init?(_ one: UserID, _ other: UserID) {
        guard one != other else { return nil }
        low = min(one, other)
        high = max(one, other)
    }

    package func other(than user: UserID) -> UserID { user == low ? high : low }
}
