import Logging

/// Writes one JSON object on one line, of a bounded length, straight into bytes.
///
/// What does not fit is left out or cut between characters, and the line stays valid JSON.
struct JSONLine {
    private(set) var bytes: [UInt8] = []
    private let limit: Int
    private var needsComma = false
    private(set) var isTruncated = false

    /// - Parameter limit: bytes of the whole line, its end included; at least 256.
    init(limit: Int) {
        self.limit = max(256, limit)
        bytes.reserveCapacity(512)
        bytes.append(UInt8(ascii: "{"))
    }

    /// Closes the line; it is complete then.
    mutating func end() -> [UInt8] {
        if isTruncated { append(raw: ",\"truncated\":true") }
        append(raw: "}\n")
        return bytes
    }

    /// Adds a text; the part beyond `limit` bytes is left out.
    mutating func add(_ key: String, _ text: String, limit: Int = 4_096) {
        guard hasRoom(for: key) else { return }
        append(key: key)
        append(quoted: text, limit: limit)
    }

    /// Texts that many lines begin with, made once.
    struct Fields: Sendable {
        fileprivate let bytes: ArraySlice<UInt8>

        init(_ texts: [(key: String, text: String)]) {
            var line = JSONLine(limit: 2_048)
            for (key, text) in texts { line.add(key, text, limit: 512) }
            bytes = line.bytes.dropFirst()
        }
    }

    mutating func add(_ fields: Fields) {
        guard room > fields.bytes.count else {
            isTruncated = true
            return
        }
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        bytes.append(contentsOf: fields.bytes)
        needsComma = true
    }

    mutating func add(_ key: String, _ metadata: Logger.Metadata) {
        guard !metadata.isEmpty, hasRoom(for: key) else { return }
        append(key: key)
        append(metadata, depth: 0)
    }

    // MARK: Pieces

    /// Bytes that may still come before the reserve for closing what is open.
    private var room: Int { limit - bytes.count - 64 }

    private mutating func hasRoom(for key: String) -> Bool {
        if room > key.utf8.count + 32 { return true }
        isTruncated = true
        return false
    }

    private mutating func append(raw text: StaticString) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    private mutating func append(key: String) {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        append(quoted: key, limit: 100)
        bytes.append(UInt8(ascii: ":"))
        needsComma = true
    }

    private mutating func append(_ metadata: Logger.Metadata, depth: Int) {
        bytes.append(UInt8(ascii: "{"))
        needsComma = false
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) where hasRoom(for: key) {
            append(key: key)
            append(JSONLine.isConfidential(key) ? "<redacted>" : value, depth: depth + 1)
        }
        bytes.append(UInt8(ascii: "}"))
        needsComma = true
    }

    private mutating func append(_ value: Logger.MetadataValue, depth: Int) {
        switch value {
        case .string(let text): append(quoted: text, limit: 4_096)
        case .stringConvertible(let box): append(quoted: box.description, limit: 4_096)
        case .dictionary(let metadata) where depth < 4: append(metadata, depth: depth)
        case .array(let values) where depth < 4: append(values, depth: depth)
        case .dictionary, .array:
            isTruncated = true
            append(raw: "null")
        }
    }

    private mutating func append(_ values: [Logger.MetadataValue], depth: Int) {
        bytes.append(UInt8(ascii: "["))
        for (index, value) in values.enumerated() where hasRoom(for: "") {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            append(value, depth: depth + 1)
        }
        bytes.append(UInt8(ascii: "]"))
    }

    private mutating func append(quoted text: String, limit: Int) {
        bytes.append(UInt8(ascii: "\""))
        var left = min(limit, room)
        if text.utf8.count <= left, appendPlain(text) {
            bytes.append(UInt8(ascii: "\""))
            return
        }
        for scalar in text.unicodeScalars {
            let width = JSONLine.width(of: scalar)
            if width > left {
                isTruncated = true
                break
            }
            left -= width
            append(escaped: scalar)
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Whether there was nothing to escape; then it is written.
    private mutating func appendPlain(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { text in
            for byte in text where !Self.standsForItself(byte) { return false }
            bytes.append(contentsOf: text)
            return true
        }
    }

    /// Printable ASCII that needs no escape: nearly everything that is logged.
    private static func standsForItself(_ byte: UInt8) -> Bool {
        (0x20..<0x7F).contains(byte) && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    private static func width(of scalar: Unicode.Scalar) -> Int {
        switch scalar {
        case "\"", "\\", "\n", "\r", "\t": 2
        case "\u{0}"..."\u{1F}", "\u{7F}", "\u{2028}", "\u{2029}": 6
        default: UTF8.width(scalar)
        }
    }

    private mutating func append(escaped scalar: Unicode.Scalar) {
        switch scalar {
        case "\"": append(raw: "\\\"")
        case "\\": append(raw: "\\\\")
        case "\n": append(raw: "\\n")
        case "\r": append(raw: "\\r")
        case "\t": append(raw: "\\t")
        case "\u{0}"..."\u{1F}", "\u{7F}", "\u{2028}", "\u{2029}":
            append(raw: "\\u")
            for shift in [12, 8, 4, 0] { bytes.append(Hex.digit(UInt8(truncatingIfNeeded: scalar.value >> UInt32(shift)))) }
        default: bytes.append(contentsOf: UTF8.encode(scalar)!)
        }
    }

    /// Whether a key names what must not be in a log, whoever put it there, in whatever case. Asked for every key of every line.
    private static func isConfidential(_ key: String) -> Bool {
        var key = key
        return key.withUTF8 { key in
            for start in key.indices {
                for word in confidential where begins(word, key, at: start) { return true }
            }
            return false
        }
    }

    private static func begins(_ word: [UInt8], _ key: UnsafeBufferPointer<UInt8>, at start: Int) -> Bool {
        guard key[start] | 0x20 == word[0], key.count - start >= word.count else { return false }
        for index in word.indices where key[start + index] | 0x20 != word[index] { return false }
        return true
    }

    /// In lower case, which is bit 5 of an ASCII letter.
    private static let confidential = ["password", "secret", "token", "authorization", "cookie"].map { Array($0.utf8) }
}
