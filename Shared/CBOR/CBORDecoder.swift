/// Decodes `Decodable` values from CBOR (RFC 8949), as ``CBOREncoder`` writes it.
///
/// Unknown keys are skipped. Absent keys are `nil` where the type allows it. The search for a field starts
/// where the last one ended, so fields in the order of declaration need one pass. Any other order works and
/// is slower.
///
/// Malformed input is a `DecodingError`: truncated or trailing bytes, lengths beyond the end, invalid UTF-8,
/// indefinite lengths, tags, nesting beyond ``maximumDepth``, and values of another type. No allocation
/// trusts a length alone.
package struct CBORDecoder: Sendable {
    package static let maximumDepth = CBOREncoder.maximumDepth

    private let decimals: CBORDecimalTypes

    package init(decimals: CBORDecimalTypes = .none) { self.decimals = decimals }

    /// - Throws: `DecodingError`, and any error of the type's own `init(from:)`.
    package func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
        try bytes.withUnsafeBytes { try decode(type, from: $0) }
    }

    /// Decodes a part of a longer message.
    package func decode<Value: Decodable>(_ type: Value.Type, from bytes: ArraySlice<UInt8>) throws -> Value {
        try bytes.withUnsafeBytes { try decode(type, from: $0) }
    }

    private func decode<Value: Decodable>(_ type: Value.Type, from bytes: UnsafeRawBufferPointer) throws -> Value {
        let reader = CBORReader(bytes, decimals)
        defer { reader.close() }
        let value = try reader.value(type, at: 0, depth: 0)
        if reader.next != reader.end { throw DecodingError.refused("\(reader.end - reader.next) bytes after the value") }
        return value
    }
}
