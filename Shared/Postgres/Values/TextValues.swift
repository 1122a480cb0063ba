/// `text`. Reads every type whose binary format is its text, and `json` and `jsonb`.
///
/// Text with U+0000, which Postgres cannot store, throws ``PostgresError/Reason/invalidParameter`` before
/// anything is sent.
extension String: PostgresValue {
    package static var postgresType: PostgresType { .text }

    package func encode(to writer: inout PostgresWriter) {
        var text = self
        text.withUTF8 { bytes in
            if bytes.contains(0) { writer.fail("text must not contain U+0000") }
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

/// A document for a `jsonb` column, as JSON text. The server validates it.
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
            throw PostgresError(.unexpectedResult, "unknown version of the jsonb format")
        }
        return JSONText(rawValue: bytes.extracting(1..<bytes.byteCount).text)
    }

    /// The version byte that precedes the text in the binary format.
    private static var version: UInt8 { 1 }
}

extension RawSpan {
    /// The content as text. The server sends only valid UTF-8, the connection's encoding.
    var text: String { withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }
}
