/// `text`. Reads every type whose binary form is its text, and `json` and `jsonb`.
///
/// U+0000, which Postgres cannot store, makes the statement fail with ``PostgresError/Reason/invalidParameter`` before anything is sent.
extension String: PostgresValue {
    package static var postgresType: PostgresType { .text }

    package func encode(to writer: inout PostgresWriter) {
        var text = self
        text.withUTF8 { bytes in
            if bytes.contains(0) { writer.fail("a text holds U+0000") }
            writer.write(bytes: bytes)
        }
    }

    package static func reads(_ type: UInt32) -> Bool {
        switch type {
        // "char", name, text, json, unknown, character, varchar, void, jsonb
        case 18, 19, 25, 114, 705, 1042, 1043, 2278, 3802: true
        // Enumerations, citext.
        default: type >= firstUserDefined
        }
    }

    private static var firstUserDefined: UInt32 { 16_384 }

    package static func decode(_ bytes: RawSpan, type: UInt32) throws(PostgresError) -> String {
        guard type == PostgresType.jsonb.id else { return bytes.text }
        return try JSONText.decode(bytes, type: type).rawValue
    }
}

/// A document for a `jsonb` column, as JSON text. It is not checked here: the server does.
package struct JSONText: PostgresValue, RawRepresentable, Hashable {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }

    package static var postgresType: PostgresType { .jsonb }

    package func encode(to writer: inout PostgresWriter) {
        writer.write(Self.version)
        rawValue.encode(to: &writer)
    }

    package static func reads(_ type: UInt32) -> Bool { type == PostgresType.jsonb.id || type == PostgresType.json.id }

    package static func decode(_ bytes: RawSpan, type: UInt32) throws(PostgresError) -> JSONText {
        if type == PostgresType.json.id { return JSONText(rawValue: bytes.text) }
        guard bytes.byteCount > 0, bytes.unsafeLoad(as: UInt8.self) == version else {
            throw PostgresError(.unexpectedResult, "jsonb in a form that is not known")
        }
        return JSONText(rawValue: bytes.extracting(1..<bytes.byteCount).text)
    }

    /// Of the binary form, before the text.
    private static var version: UInt8 { 1 }
}

extension RawSpan {
    /// The server sends nothing but valid UTF-8: the connection's encoding says so.
    var text: String { withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }
}
