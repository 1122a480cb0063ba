/// Lower-case hexadecimal, without the cost of Foundation's formatting.
package enum Hex {
    /// The digit of the low four bits.
    static func digit(_ value: UInt8) -> UInt8 {
        let low = value & 0xF
        return low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10
    }

    /// Appends all digits of `value`, including leading zeros.
    package static func append(_ value: some FixedWidthInteger & UnsignedInteger, to bytes: inout [UInt8]) {
        var shift = value.bitWidth
        while shift > 0 {
            shift -= 4
            bytes.append(digit(UInt8(truncatingIfNeeded: value >> shift)))
        }
    }

    /// Parses exactly as many digits as the type has; `nil` for other text, including upper-case digits.
    static func value<Value: FixedWidthInteger & UnsignedInteger>(
        _ text: Slice<UnsafeBufferPointer<UInt8>>, as: Value.Type = Value.self
    ) -> Value? {
        guard text.count == Value.bitWidth / 4 else { return nil }
        var value: Value = 0
        for byte in text {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | Value(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | Value(byte - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return value
    }
}
