import Contracts

/// A short way for the ids that most messages are full of: the same bytes as their own `Codable` gives, without a `String` in between.
///
/// Types that are not listed here take the long way.
struct CBORIdentifiers {
    private let user = ObjectIdentifier(UserID.self)
    private let chat = ObjectIdentifier(ChatID.self)
    private let message = ObjectIdentifier(MessageID.self)
    private let session = ObjectIdentifier(SessionID.self)
    private let raw = ObjectIdentifier(NextIDs.RawID.self)

    /// The number of `value`, if it is one of those ids.
    @inline(__always)
    func number<Value>(of value: Value, _ type: ObjectIdentifier) -> Int64? {
        switch type {
        case user: (value as? UserID)?.rawValue
        case chat: (value as? ChatID)?.rawValue
        case message: (value as? MessageID)?.rawValue
        case session: (value as? SessionID)?.rawValue
        case raw: (value as? NextIDs.RawID)?.rawValue
        default: nil
        }
    }

    @inline(__always)
    func contains(_ type: ObjectIdentifier) -> Bool {
        type == user || type == chat || type == message || type == session || type == raw
    }

    @inline(__always)
    func value<Value>(_ number: Int64, as type: ObjectIdentifier) -> Value? {
        switch type {
        case user: UserID(rawValue: number) as? Value
        case chat: ChatID(rawValue: number) as? Value
        case session: SessionID(rawValue: number) as? Value
        case raw: NextIDs.RawID(rawValue: number) as? Value
        default: MessageID(rawValue: number) as? Value
        }
    }
}

extension CBORReader {
    /// An id as ``Identifier`` reads it: 1…9223372036854775807 in decimal, without sign or leading zeros. `nil` is for the long way to refuse.
    func identifier(at position: Int) -> Int64? {
        guard let head = try? head(at: position), head.major == .text, let length = try? length(head, bytesEach: 1),
            (1...19).contains(length)
        else { return nil }
        var number: Int64 = 0
        for digit in content(head.next..<head.next + length) {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit), digit != UInt8(ascii: "0") || number > 0 else {
                return nil
            }
            let (tens, tooLarge) = number.multipliedReportingOverflow(by: 10)
            let (sum, overflow) = tens.addingReportingOverflow(Int64(digit - UInt8(ascii: "0")))
            if tooLarge || overflow { return nil }
            number = sum
        }
        next = head.next + length
        return number
    }
}

extension CBORWriter {
    /// A positive number in decimal, as text.
    func decimal(_ number: Int64) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var (rest, first) = (number, 20)
            repeat {
                first -= 1
                digits[first] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            text(UnsafeRawBufferPointer(UnsafeMutableBufferPointer(rebasing: digits[first...])))
        }
    }
}
