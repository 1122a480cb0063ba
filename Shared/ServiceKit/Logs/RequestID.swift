/// The id of a request: 16 random hexadecimal digits, or the `X-Request-ID` of the client.
package struct RequestID: Sendable, CustomStringConvertible {
    private let random = UInt64.random(in: .min ... .max)

    package init() {}

    package var description: String {
        var digits: [UInt8] = []
        digits.reserveCapacity(16)
        Hex.append(random, to: &digits)
        return String(decoding: digits, as: UTF8.self)
    }

    /// Returns the id that the client sent, if it is 1 to 64 of A–Z a–z 0–9 . _ - and so safe to log; else
    /// this one.
    package func orGiven(_ header: String?) -> String {
        guard let header, (1...64).contains(header.utf8.count), header.utf8.allSatisfy(Self.isPlain) else { return description }
        return header
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): true
        default: false
        }
    }
}
