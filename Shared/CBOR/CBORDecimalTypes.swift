/// The types that travel as decimal text because their own `Codable` writes `rawValue` that way: ids.
///
/// The coders read and write the numbers of these types directly, without a `String` in between. The bytes
/// are those of the type's own `Codable`. It remains in use for numbers below 1 and for text that is not such
/// a number.
package struct CBORDecimalTypes: Sendable {
    package static let none = CBORDecimalTypes()

    private var identities: [ObjectIdentifier] = []

    package init() {}

    /// Adds a type that consists of its raw value and nothing else.
    package mutating func insert<ID: RawRepresentable<Int64>>(_ type: ID.Type) {
        let probe: Int64 = 0x0102_0304_0506_0708
        // The cast is safe: it follows the check that both types have the same size, and any eight bytes are
        // an Int64.
        precondition(
            MemoryLayout<ID>.size == MemoryLayout<Int64>.size
                && ID(rawValue: probe).map { unsafeBitCast($0, to: Int64.self) } == probe, "\(ID.self) is not its raw value alone"
        )
        identities.append(ObjectIdentifier(type))
    }

    @inline(__always)
    func contains(_ type: ObjectIdentifier) -> Bool {
        for identity in identities where identity == type { return true }
        return false
    }

    /// The number of `value`, whose type must be in this table.
    @inline(__always)
    static func number<Value>(of value: Value) -> Int64 {
        withUnsafePointer(to: value) { UnsafeRawPointer($0).load(as: Int64.self) }
    }

    /// The value with a number. Its type must be in this table.
    @inline(__always)
    static func value<Value>(_ number: Int64) -> Value {
        withUnsafePointer(to: number) { UnsafeRawPointer($0).load(as: Value.self) }
    }
}

extension CBORReader {
    /// Returns the number of a decimal text, 1…9223372036854775807 without sign or leading zeros.
    ///
    /// - Returns: `nil` for anything else, which the type's own `init(from:)` then accepts or refuses.
    func decimal(at position: Int) -> Int64? {
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
    /// Writes a positive number as a text of decimal digits.
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
