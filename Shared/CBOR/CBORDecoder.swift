/// Turns CBOR (RFC 8949) into `Decodable` values; the other side of ``CBOREncoder``.
///
/// Keys that the type does not ask for are skipped, absent ones are `nil` where the type allows it. Fields are looked for where the last one ended,
/// so a sender that encodes in the order of declaration is read in one pass; any other order is right, and slower.
///
/// Anything that is not well formed, or not what the type asks for, is a `DecodingError`: cut off, trailing bytes, lengths beyond the end, invalid UTF-8,
/// indefinite lengths, tags, nesting beyond ``maximumDepth``. Nothing is allocated on the word of a length alone.
package struct CBORDecoder: Sendable {
    package static let maximumDepth = CBOREncoder.maximumDepth

    private let decimals: CBORDecimalTypes

    package init(decimals: CBORDecimalTypes = .none) { self.decimals = decimals }

    /// - Throws: `DecodingError`, and what the type's own `init(from:)` throws.
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
