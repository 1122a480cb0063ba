import Edge

/// The query of a URL as HTML forms encode it: `name=value` joined by `&`, percent-encoded, `+` for a space.
struct QueryString {
    private let text: String

    init(_ text: String) { self.text = text }

    /// - Throws: 400 if the value is not percent-encoded UTF-8.
    func value(of name: String) throws -> String? {
        for pair in text.utf8.split(separator: UInt8(ascii: "&")) {
            let end = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
            guard pair[..<end].elementsEqual(name.utf8) else { continue }
            let value = pair[end...].dropFirst()
            guard let decoded = Self.decoded(value) else {
                throw Problem.malformed("Send the query parameter \(name) as percent-encoded UTF-8.")
            }
            return decoded
        }
        return nil
    }

    private static func decoded(_ raw: Substring.UTF8View) -> String? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(raw.count)
        var rest = raw.makeIterator()
        while let byte = rest.next() {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard let high = rest.next().flatMap(digit), let low = rest.next().flatMap(digit) else { return nil }
                bytes.append(high << 4 | low)
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
