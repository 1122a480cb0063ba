/// One word of a command: any bytes, including zeros.
package enum RedisArgument: Sendable, Hashable {
    case text(String)
    case bytes([UInt8])
    case number(Int64)

    package init(_ text: String) { self = .text(text) }
    package init(_ bytes: [UInt8]) { self = .bytes(bytes) }
    package init(_ number: some BinaryInteger) { self = .number(Int64(number)) }
}

extension RedisArgument: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
    package init(stringLiteral value: String) { self = .text(value) }
    package init(integerLiteral value: Int64) { self = .number(value) }
}

/// A reply of Redis (RESP 2).
package enum RedisReply: Equatable, Sendable {
    case null
    case integer(Int64)
    /// A simple string, such as `OK`.
    case status(String)
    case bytes([UInt8])
    case array([RedisReply])
    /// Only inside an array; an error reply to a whole command is thrown.
    case error(String)

    /// Returns the bytes of a string; `nil` for null.
    ///
    /// - Throws: `unexpectedReply` for anything else.
    package func optionalBytes() throws(RedisError) -> [UInt8]? {
        switch self {
        case .null: nil
        case .bytes(let bytes): bytes
        default: throw .unexpected(self, expected: "a string or null")
        }
    }

    package func integer() throws(RedisError) -> Int64 {
        guard case .integer(let value) = self else { throw .unexpected(self, expected: "an integer") }
        return value
    }

    package func array() throws(RedisError) -> [RedisReply] {
        guard case .array(let elements) = self else { throw .unexpected(self, expected: "an array") }
        return elements
    }

    var kind: String {
        switch self {
        case .null: "null"
        case .integer: "an integer"
        case .status: "a status"
        case .bytes: "a string"
        case .array: "an array"
        case .error: "an error"
        }
    }
}
