/// One word of a command: any bytes, also zeros.
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
