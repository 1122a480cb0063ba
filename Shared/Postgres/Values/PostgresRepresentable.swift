/// A type that is stored as a value of another type.
///
///     extension Timestamp: PostgresRepresentable {
///         package var postgresValue: PostgresTimestamp {
///             PostgresTimestamp(millisecondsSinceEpoch: millisecondsSinceEpoch)
///         }
///         package init(postgresValue: PostgresTimestamp) {
///             self.init(millisecondsSinceEpoch: postgresValue.millisecondsSinceEpoch)
///         }
///     }
package protocol PostgresRepresentable: PostgresValue {
    associatedtype PostgresRepresentation: PostgresValue
    var postgresValue: PostgresRepresentation { get }
    /// - Throws: when the stored value is not a valid value of this type.
    init(postgresValue: PostgresRepresentation) throws(PostgresError)
}

extension PostgresRepresentable {
    package static var postgresType: PostgresType { PostgresRepresentation.postgresType }
    package func encode(to writer: inout PostgresWriter) { postgresValue.encode(to: &writer) }
    package static func reads(_ type: UInt32) -> Bool { PostgresRepresentation.reads(type) }
    package static func decode(_ bytes: RawSpan, type: UInt32) throws(PostgresError) -> Self {
        try Self(postgresValue: PostgresRepresentation.decode(bytes, type: type))
    }
}

extension PostgresValue where Self: RawRepresentable, RawValue: PostgresValue {
    package static var postgresType: PostgresType { RawValue.postgresType }
    package func encode(to writer: inout PostgresWriter) { rawValue.encode(to: &writer) }
    package static func reads(_ type: UInt32) -> Bool { RawValue.reads(type) }
    package static func decode(_ bytes: RawSpan, type: UInt32) throws(PostgresError) -> Self {
        let rawValue = try RawValue.decode(bytes, type: type)
        guard let value = Self(rawValue: rawValue) else {
            throw PostgresError(.unexpectedResult, "the stored value is not a valid \(Self.self)")
        }
        return value
    }
}
