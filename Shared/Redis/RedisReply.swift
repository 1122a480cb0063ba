/// What Redis answers (RESP 2).
package enum RedisReply: Equatable, Sendable {
    case null
    case integer(Int64)
    /// `OK` and its like.
    case status(String)
    case bytes([UInt8])
    case array([RedisReply])
    /// Only inside an array; an answer that is an error as a whole is thrown.
    case error(String)

    /// The bytes of a string; `nil` for null.
    ///
    /// - Throws: `unexpectedReply` for anything else.
    package func optionalBytes() throws(RedisError) -> [UInt8]? {
        switch self {
        case .null: nil
        case .bytes(let bytes): bytes
        default: throw .unexpected(self, wanted: "a string or null")
        }
    }

    package func integer() throws(RedisError) -> Int64 {
        guard case .integer(let value) = self else { throw .unexpected(self, wanted: "an integer") }
        return value
    }

    package func array() throws(RedisError) -> [RedisReply] {
        guard case .array(let elements) = self else { throw .unexpected(self, wanted: "an array") }
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
