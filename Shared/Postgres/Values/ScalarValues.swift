import Foundation

extension Bool: PostgresValue {
    package static var postgresType: PostgresType { .bool }
    package func encode(to writer: inout PostgresWriter) { writer.write(UInt8(self ? 1 : 0)) }
    package static func reads(_ type: UInt32) -> Bool { type == PostgresType.bool.id }
    package static func decode(_ bytes: RawSpan, type: UInt32) throws(PostgresError) -> Bool {
        try bytes.bigEndian(as: UInt8.self) != 0
    }
}

/// `smallint`
extension Int16: PostgresValue {
    package static var postgresType: PostgresType { .smallint }
}

/// `integer`; reads `smallint` too.
extension Int32: PostgresValue {
    package static var postgresType: PostgresType { .integer }
}

/// `bigint`; reads the smaller integers too.
extension Int64: PostgresValue {
    package static var postgresType: PostgresType { .bigint }
}

/// `bigint`; reads the smaller integers too.
extension Int: PostgresValue {
    package static var postgresType: PostgresType { .bigint }
}

extension PostgresEncodable where Self: FixedWidthInteger {
    package func encode(to writer: inout PostgresWriter) { writer.write(self) }
}

extension PostgresDecodable where Self: FixedWidthInteger & SignedInteger {
    /// Returns true for integer types whose values all fit.
    package static func reads(_ type: UInt32) -> Bool {
        switch type {
        case PostgresType.bigint.id: bitWidth >= 64
        case PostgresType.integer.id: bitWidth >= 32
        case PostgresType.smallint.id: bitWidth >= 16
        default: false
        }
    }

    package static func decode(_ bytes: RawSpan, type: UInt32) throws(PostgresError) -> Self {
        switch bytes.byteCount {
        case 8: Self(truncatingIfNeeded: try bytes.bigEndian(as: Int64.self))
        case 4: Self(truncatingIfNeeded: try bytes.bigEndian(as: Int32.self))
        default: Self(truncatingIfNeeded: try bytes.bigEndian(as: Int16.self))
        }
    }
}

/// `double precision`; reads `real` too.
extension Double: PostgresValue {
    package static var postgresType: PostgresType { .double }
    package func encode(to writer: inout PostgresWriter) { writer.write(bitPattern) }
    package static func reads(_ type: UInt32) -> Bool { type == PostgresType.double.id || type == PostgresType.real.id }
    package static func decode(_ bytes: RawSpan, type: UInt32) throws(PostgresError) -> Double {
        if type == PostgresType.real.id { return Double(Float(bitPattern: try bytes.bigEndian(as: UInt32.self))) }
        return Double(bitPattern: try bytes.bigEndian(as: UInt64.self))
    }
}

extension UUID: PostgresValue {
    package static var postgresType: PostgresType { .uuid }
    package func encode(to writer: inout PostgresWriter) { withUnsafeBytes(of: uuid) { writer.write(bytes: $0) } }
    package static func reads(_ type: UInt32) -> Bool { type == PostgresType.uuid.id }
    package static func decode(_ bytes: RawSpan, type: UInt32) throws(PostgresError) -> UUID {
        guard bytes.byteCount == 16 else { throw PostgresError(.unexpectedResult, "a UUID has 16 bytes, not \(bytes.byteCount)") }
        return UUID(uuid: bytes.unsafeLoadUnaligned(as: uuid_t.self))
    }
}

extension RawSpan {
    /// - Throws: ``PostgresError/Reason/unexpectedResult`` unless the span is exactly as long as the number.
    @inline(__always)
    func bigEndian<Number: FixedWidthInteger & BitwiseCopyable>(as _: Number.Type) throws(PostgresError) -> Number {
        guard byteCount == MemoryLayout<Number>.size else {
            throw PostgresError(.unexpectedResult, "\(byteCount) bytes where \(MemoryLayout<Number>.size) are expected")
        }
        return Number(bigEndian: unsafeLoadUnaligned(as: Number.self))
    }
}
