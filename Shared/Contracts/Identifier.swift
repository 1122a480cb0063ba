/// A Snowflake id of one kind of thing; positive. JSON and the bus carry it as a decimal string, because JavaScript loses precision past 2^53.
public protocol Identifier: RawRepresentable<Int64>, Codable, Hashable, Comparable, Sendable, LosslessStringConvertible {
    init(rawValue: Int64)
}

extension Identifier {
    /// - Parameter description: decimal digits alone, 1…9223372036854775807, without leading zeros; else `nil`.
    public init?(_ description: String) {
        guard let value = Int64(description), value > 0, description.utf8.first != UInt8(ascii: "+"),
            description.utf8.first != UInt8(ascii: "0")
        else { return nil }
        self.init(rawValue: value)
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let id = Self(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "an id is a decimal number in a string")
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

/// Roughly in time order; never the order of a chat, which is `seq`.
public struct MessageID: Identifier {
    public let rawValue: Int64
    public init(rawValue: Int64) { self.rawValue = rawValue }
}

/// Chosen by the client, unique per chat and sender for ever: 1…64 characters, a UUID is best.
public struct ClientMessageID: RawRepresentable, Hashable, Codable, Sendable {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }

    /// Byte by byte, as databases compare: an é of one character and one of two are two ids, which `String` would take for one.
    public static func == (one: ClientMessageID, other: ClientMessageID) -> Bool {
        one.rawValue.utf8.elementsEqual(other.rawValue.utf8)
    }

    public func hash(into hasher: inout Hasher) {
        var text = rawValue
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
