/// JSON text (RFC 8259) as bytes. The only place that escapes strings.
///
/// It writes what it is given: the caller places the commas, colons and brackets.
package struct JSONWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    /// - Parameter capacity: the number of bytes to reserve.
    package init(capacity: Int) { bytes.reserveCapacity(capacity) }

    @inline(__always)
    package mutating func append(_ byte: UInt8) { bytes.append(byte) }

    /// Appends text that is JSON already.
    package mutating func append(json: some Collection<UInt8>) { bytes.append(contentsOf: json) }
    package mutating func append(json: StaticString) { json.withUTF8Buffer { bytes.append(contentsOf: $0) } }

    // MARK: Strings

    /// Appends a quoted string.
    package mutating func append(string: String) {
        var string = string
        string.withUTF8 { _ = append(utf8: UnsafeRawBufferPointer($0)) }
    }

    /// Appends a quoted string, escaping what RFC 8259 requires: quotes, backslashes and control characters.
    ///
    /// A first pass only looks for bytes to escape: nearly all strings have none and are copied at once.
    ///
    /// - Parameter utf8: copied unchecked.
    /// - Returns: whether all bytes are ASCII, so that a caller with untrusted bytes validates only the
    ///   others.
    @inline(__always)
    mutating func append(utf8: UnsafeRawBufferPointer) -> Bool {
        var (union, needsEscape) = (UInt8(0), false)
        for byte in utf8 {
            union |= byte
            if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { needsEscape = true }
        }
        bytes.append(UInt8(ascii: "\""))
        if needsEscape { appendEscaped(utf8) } else { bytes.append(contentsOf: utf8) }
        bytes.append(UInt8(ascii: "\""))
        return union < 0x80
    }

    private mutating func appendEscaped(_ utf8: UnsafeRawBufferPointer) {
        var unescapedFrom = 0
        for (index, byte) in utf8.enumerated() {
            guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
            bytes.append(contentsOf: utf8[unescapedFrom..<index])
            escape(byte)
            unescapedFrom = index + 1
        }
        bytes.append(contentsOf: utf8[unescapedFrom...])
    }

    /// Appends a quoted string of at most `limit` bytes between its quotes, cut between two characters where
    /// it is longer.
    ///
    /// It also escapes DEL and the two line separators of Unicode, which some readers take for the end of a
    /// line.
    ///
    /// - Returns: whether the whole string fits.
    package mutating func append(string: String, limit: Int) -> Bool {
        bytes.append(UInt8(ascii: "\""))
        defer { bytes.append(UInt8(ascii: "\"")) }
        if string.utf8.count <= limit, appendPrintable(string) { return true }
        var left = limit
        for scalar in string.unicodeScalars {
            let width = Self.width(of: scalar)
            if width > left { return false }
            left -= width
            append(scalar)
        }
        return true
    }

    /// Appends `string` if all of it is printable ASCII without quotes and backslashes, as nearly every log
    /// text is.
    ///
    /// - Returns: whether it is.
    private mutating func appendPrintable(_ string: String) -> Bool {
        var string = string
        return string.withUTF8 { utf8 in
            for byte in utf8 where !Self.isUnescaped(byte) { return false }
            bytes.append(contentsOf: utf8)
            return true
        }
    }

    private static func isUnescaped(_ byte: UInt8) -> Bool {
        (0x20..<0x7F).contains(byte) && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    private static func width(of scalar: Unicode.Scalar) -> Int {
        switch scalar {
        case "\"", "\\", "\n", "\r", "\t": 2
        case "\u{0}"..."\u{1F}", "\u{7F}", "\u{2028}", "\u{2029}": 6
        default: UTF8.width(scalar)
        }
    }

    private mutating func append(_ scalar: Unicode.Scalar) {
        switch scalar {
        case "\u{0}"..."\u{1F}", "\"", "\\": escape(UInt8(truncatingIfNeeded: scalar.value))
        case "\u{7F}", "\u{2028}", "\u{2029}": escape(codeUnit: UInt16(truncatingIfNeeded: scalar.value))
        default: for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter { bytes.append(byte) }
        }
    }

    private mutating func escape(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\n"): append(json: "\\n")
        case UInt8(ascii: "\r"): append(json: "\\r")
        case UInt8(ascii: "\t"): append(json: "\\t")
        case 0..<0x20: escape(codeUnit: UInt16(byte))
        default:
            bytes.append(UInt8(ascii: "\\"))
            bytes.append(byte)
        }
    }

    private mutating func escape(codeUnit: UInt16) {
        append(json: "\\u")
        for shift in [12, 8, 4, 0] {
            let digit = UInt8(truncatingIfNeeded: codeUnit >> UInt16(shift) & 0xF)
            bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }
}
