/// What can be a parameter of a statement.
package protocol PostgresEncodable: Sendable {
    /// Declared to the server with the value, so that it never guesses.
    static var postgresType: PostgresType { get }
    /// NULL has no bytes: ``encode(to:)`` is not called.
    var isPostgresNull: Bool { get }
    /// Writes the value in the type's binary form, without its length.
    func encode(to writer: inout PostgresWriter)
}

extension PostgresEncodable {
    package var isPostgresNull: Bool { false }
}

/// What can be read from a column.
package protocol PostgresDecodable: Sendable {
    /// Whether a column of this type can be read; asked with an object id.
    static func reads(_ type: UInt32) -> Bool
    /// - Parameters:
    ///   - bytes: the value in the type's binary form.
    ///   - type: one that ``reads(_:)`` agreed to.
    /// - Throws: ``PostgresError/Reason/unexpectedResult``
    static func decode(_ bytes: RawSpan, type: UInt32) throws(PostgresError) -> Self
    /// For NULL. Throws unless the type is optional.
    static func decodeNull() throws(PostgresError) -> Self
}

extension PostgresDecodable {
    package static func decodeNull() throws(PostgresError) -> Self {
        throw PostgresError(.unexpectedResult, "NULL where \(Self.self) is wanted")
    }
}

/// What can be an element of an array, which is how many rows travel in one parameter.
package protocol PostgresArrayElement: Sendable {
    static var postgresArrayType: PostgresType { get }
    static func encodeArray(_ values: [Self], to writer: inout PostgresWriter)
    static func readsArray(_ type: UInt32) -> Bool
    static func decodeArray(_ bytes: RawSpan, type: UInt32) throws(PostgresError) -> [Self]
}

/// A value that goes both ways, alone and in arrays.
///
/// An own type with a raw value of such a type gets it in one line: `extension ChatID: PostgresValue {}`.
/// Any other type says what it stands for, see ``PostgresRepresentable``.
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
