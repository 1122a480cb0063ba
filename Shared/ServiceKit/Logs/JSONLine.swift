import CBOR
import Logging

/// Writes one JSON object on one line, of a bounded length, straight into bytes.
///
/// What does not fit is left out or cut between characters, and the line stays valid JSON.
struct JSONLine {
    private var json = JSONWriter(capacity: 512)
    private let limit: Int
    private var needsComma = false
    private(set) var isTruncated = false

    /// - Parameter limit: bytes of the whole line, its end included; at least 256.
    init(limit: Int) {
        self.limit = max(256, limit)
        json.append(UInt8(ascii: "{"))
    }

    /// Closes the line; it is complete then.
    mutating func end() -> [UInt8] {
        if isTruncated { json.append(json: ",\"truncated\":true") }
        json.append(json: "}\n")
        return json.bytes
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
            bytes = line.json.bytes.dropFirst()
        }
    }

    mutating func add(_ fields: Fields) {
        guard room > fields.bytes.count else {
            isTruncated = true
            return
        }
        if needsComma { json.append(UInt8(ascii: ",")) }
        json.append(json: fields.bytes)
        needsComma = true
    }

    mutating func add(_ key: String, _ metadata: Logger.Metadata) {
        guard !metadata.isEmpty, hasRoom(for: key) else { return }
        append(key: key)
        append(metadata, depth: 0)
    }

    // MARK: Pieces

    /// Bytes that may still come before the reserve for closing what is open.
    private var room: Int { limit - json.bytes.count - 64 }

    private mutating func hasRoom(for key: String) -> Bool {
        if room > key.utf8.count + 32 { return true }
        isTruncated = true
        return false
    }

    private mutating func append(key: String) {
        if needsComma { json.append(UInt8(ascii: ",")) }
        append(quoted: key, limit: 100)
        json.append(UInt8(ascii: ":"))
        needsComma = true
    }

    private mutating func append(_ metadata: Logger.Metadata, depth: Int) {
        json.append(UInt8(ascii: "{"))
        needsComma = false
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) where hasRoom(for: key) {
            append(key: key)
            append(JSONLine.isConfidential(key) ? "<redacted>" : value, depth: depth + 1)
        }
        json.append(UInt8(ascii: "}"))
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
            json.append(json: "null")
        }
    }

    private mutating func append(_ values: [Logger.MetadataValue], depth: Int) {
        json.append(UInt8(ascii: "["))
        for (index, value) in values.enumerated() where hasRoom(for: "") {
            if index > 0 { json.append(UInt8(ascii: ",")) }
            append(value, depth: depth + 1)
        }
        json.append(UInt8(ascii: "]"))
    }

    private mutating func append(quoted text: String, limit: Int) {
        if !json.append(string: text, limit: min(limit, room)) { isTruncated = true }
    }

    /// Whether `key` names a secret, in upper or lower case. Called for every key of every line.
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
