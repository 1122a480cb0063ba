/// `nil` is NULL.
extension Optional: PostgresEncodable where Wrapped: PostgresEncodable {
    package static var postgresType: PostgresType { Wrapped.postgresType }
    package var isPostgresNull: Bool { self?.isPostgresNull ?? true }
    package func encode(to writer: inout PostgresWriter) { self?.encode(to: &writer) }
}

extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {
    package static func reads(_ type: UInt32) -> Bool { Wrapped.reads(type) }
    package static func decode(_ bytes: RawSpan, type: UInt32) throws(PostgresError) -> Wrapped? {
        try Wrapped.decode(bytes, type: type)
    }
    package static func decodeNull() throws(PostgresError) -> Wrapped? { nil }
}

extension Optional: PostgresArrayElement where Wrapped: PostgresEncodable & PostgresDecodable & PostgresArrayElement {}
