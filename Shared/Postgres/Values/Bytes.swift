import Foundation

/// `[UInt8]` is `bytea`: a byte is no value by itself, only its array is.
extension UInt8: PostgresArrayElement {
    package static var postgresArrayType: PostgresType { .bytea }
    package static func encodeArray(_ values: [UInt8], to writer: inout PostgresWriter) { writer.write(bytes: values) }
    package static func readsArray(_ type: UInt32) -> Bool { type == PostgresType.bytea.id }
    package static func decodeArray(_ bytes: RawSpan, type: UInt32) throws(PostgresError) -> [UInt8] {
        bytes.withUnsafeBytes { Array($0) }
    }
}

extension UUID: PostgresValue {
    package static var postgresType: PostgresType { .uuid }
    package func encode(to writer: inout PostgresWriter) { withUnsafeBytes(of: uuid) { writer.write(bytes: $0) } }
    package static func reads(_ type: UInt32) -> Bool { type == PostgresType.uuid.id }
    package static func decode(_ bytes: RawSpan, type: UInt32) throws(PostgresError) -> UUID {
        guard bytes.byteCount == 16 else { throw PostgresError(.unexpectedResult, "\(bytes.byteCount) bytes are no UUID") }
        return UUID(uuid: bytes.unsafeLoadUnaligned(as: uuid_t.self))
    }
}
