import Contracts

/// The permanent name of an account: 3–32 of a–z 0–9 . _ -
struct Username: Hashable {
    let text: String

    /// Lower-cases A–Z. Other letters are refused: U+212A KELVIN SIGN is not a k.
    init(_ text: String) throws(ValidationError) {
        guard (3...32).contains(text.utf8.count), text.utf8.allSatisfy(Self.allows) else {
            throw ValidationError("must have 3 to 32 characters of a–z 0–9 . _ -")
        }
        self.text = String(decoding: text.utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }

    private static func allows(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
