/// An array of one dimension. NULL elements need an optional element type. Only `[[UInt8]]`, which is
/// `bytea[]`, nests.
extension Array: PostgresEncodable where Element: PostgresArrayElement {
    package static var postgresType: PostgresType { Element.postgresArrayType }
    package func encode(to writer: inout PostgresWriter) { Element.encodeArray(self, to: &writer) }
}

extension Array: PostgresDecodable where Element: PostgresArrayElement {
    package static func reads(_ type: UInt32) -> Bool { Element.readsArray(type) }
    package static func decode(_ bytes: RawSpan, type: UInt32) throws(PostgresError) -> [Element] {
        try Element.decodeArray(bytes, type: type)
    }
}

extension Array: PostgresArrayElement where Element == UInt8 {}

/// `[UInt8]` is `bytea`. A single byte has no Postgres type.
extension UInt8: PostgresArrayElement {
    package static var postgresArrayType: PostgresType { .bytea }
    package static func encodeArray(_ values: [UInt8], to writer: inout PostgresWriter) { writer.write(bytes: values) }
    package static func readsArray(_ type: UInt32) -> Bool { type == PostgresType.bytea.id }
    package static func decodeArray(_ bytes: RawSpan, type: UInt32) throws(PostgresError) -> [UInt8] {
        bytes.withUnsafeBytes { Array($0) }
    }
}

/// The binary format: dimensions (0 or 1), a flag for NULLs, the element type, the count, the first index,
/// and each element after its length.
extension PostgresArrayElement where Self: PostgresEncodable & PostgresDecodable {
    package static var postgresArrayType: PostgresType { PostgresType(id: postgresType.arrayID, arrayID: 0) }

    package static func encodeArray(_ values: [Self], to writer: inout PostgresWriter) {
        guard !values.isEmpty else { return writer.write(bytes: emptyArrayHeader + withBigEndian(postgresType.id)) }
        writer.write(Int32(1))
        writer.write(Int32(values.contains(where: \.isPostgresNull) ? 1 : 0))
        writer.write(postgresType.id)
        writer.write(Int32(truncatingIfNeeded: values.count))
        writer.write(Int32(1))
        for value in values { writer.writeWithLength(value) }
    }

    private static var emptyArrayHeader: [UInt8] { [0, 0, 0, 0, 0, 0, 0, 0] }
    private static func withBigEndian(_ id: UInt32) -> [UInt8] { withUnsafeBytes(of: id.bigEndian) { Array($0) } }

    /// Returns whether an array type is readable: a Swift type may read more types than the one it is sent
    /// as.
    package static func readsArray(_ type: UInt32) -> Bool {
        if type == postgresType.arrayID { return true }
        return elementTypes[type].map(reads) ?? false
    }

    package static func decodeArray(_ bytes: RawSpan, type: UInt32) throws(PostgresError) -> [Self] {
        var reader = ArrayReader()
        let dimensions = try reader.next(Int32.self, of: bytes)
        _ = try reader.next(Int32.self, of: bytes)
        let element = try reader.next(UInt32.self, of: bytes)
        if dimensions == 0 { return [] }
        guard dimensions == 1, reads(element) else {
            throw PostgresError(
                .unexpectedResult, "unsupported array: \(dimensions) dimensions of \(PostgresType.name(of: element))")
        }
        let count = Int(try reader.next(Int32.self, of: bytes))
        _ = try reader.next(Int32.self, of: bytes)
        var values: [Self] = []
        values.reserveCapacity(min(max(count, 0), bytes.byteCount / 4))
        for _ in 0..<max(count, 0) {
            let length = Int(try reader.next(Int32.self, of: bytes))
            values.append(length < 0 ? try decodeNull() : try reader.value(length, type: element, of: bytes))
        }
        return values
    }
}

private let elementTypes: [UInt32: UInt32] = [
    1000: 16, 1001: 17, 1003: 19, 1005: 21, 1007: 23, 1009: 25, 1014: 1042, 1015: 1043, 1016: 20, 1021: 700, 1022: 701,
    1185: 1184, 199: 114, 2951: 2950, 3807: 3802,
]

/// Reads the bytes of an array; throws at their end.
private struct ArrayReader {
    private var position = 0

    mutating func next<Number: FixedWidthInteger & BitwiseCopyable>(
        _: Number.Type, of bytes: RawSpan
    ) throws(PostgresError) -> Number {
        let size = MemoryLayout<Number>.size
        guard bytes.byteCount - position >= size else { throw PostgresError(.unexpectedResult, "an array is truncated") }
        defer { position += size }
        return Number(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: position, as: Number.self))
    }

    mutating func value<Value: PostgresDecodable>(
        _ length: Int, type: UInt32, of bytes: RawSpan
    ) throws(PostgresError) -> Value {
        guard bytes.byteCount - position >= length else { throw PostgresError(.unexpectedResult, "an array is truncated") }
        defer { position += length }
        return try Value.decode(bytes.extracting(position..<position + length), type: type)
    }
}
