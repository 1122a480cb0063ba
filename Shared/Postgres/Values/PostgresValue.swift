/// A type whose values can be parameters of a statement.
package protocol PostgresEncodable: Sendable {
    /// The type that is declared to the server, so that the server does not infer it.
    static var postgresType: PostgresType { get }
    /// Whether the value is NULL; then ``encode(to:)`` is not called.
    var isPostgresNull: Bool { get }
    /// Writes the value in the type's binary format, without its length.
    func encode(to writer: inout PostgresWriter)
}

extension PostgresEncodable {
    package var isPostgresNull: Bool { false }
}

/// A type that can be read from a column.
package protocol PostgresDecodable: Sendable {
    /// Returns whether a column of this type, given by its object id, can be read.
    static func reads(_ type: UInt32) -> Bool
    /// - Parameters:
    ///   - bytes: the value in the type's binary format.
    ///   - type: a type for which ``reads(_:)`` returned true.
    /// - Throws: ``PostgresError/Reason/unexpectedResult``
    static func decode(_ bytes: RawSpan, type: UInt32) throws(PostgresError) -> Self
    /// Returns the value for NULL. Throws unless the type is optional.
    static func decodeNull() throws(PostgresError) -> Self
}

extension PostgresDecodable {
    package static func decodeNull() throws(PostgresError) -> Self {
        throw PostgresError(.unexpectedResult, "NULL where \(Self.self) is expected")
    }
}

/// A type that can be an element of an array parameter, such as a column of many rows.
package protocol PostgresArrayElement: Sendable {
    static var postgresArrayType: PostgresType { get }
    static func encodeArray(_ values: [Self], to writer: inout PostgresWriter)
    static func readsArray(_ type: UInt32) -> Bool
    static func decodeArray(_ bytes: RawSpan, type: UInt32) throws(PostgresError) -> [Self]
}

/// A type that can be written and read, alone and in arrays.
///
/// A type whose raw value conforms needs one line: `extension ChatID: PostgresValue {}`. Any other type names
/// its representation, see ``PostgresRepresentable``.
package protocol PostgresValue: PostgresEncodable, PostgresDecodable, PostgresArrayElement {}

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
