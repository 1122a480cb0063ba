import Foundation

/// Values that are a single item. Each method leaves the position after it in ``CBORReader/next``.
extension CBORReader {
    @inline(__always)
    func integer<Value: FixedWidthInteger>(at position: Int, as type: Value.Type) throws -> Value {
        let head = try head(at: position)
        next = head.next
        if head.major == .unsigned, let value = Value(exactly: head.value) { return value }
        // -1 - n is ~n. No type here has more than 64 bits.
        if head.major == .negative, let number = Int64(exactly: head.value), let value = Value(exactly: ~number) { return value }
        throw Self.notInteger(head, type)
    }

    private static func notInteger(_ head: Head, _ type: Any.Type) -> DecodingError {
        let isInteger = head.major == .unsigned || head.major == .negative
        return isInteger ? .refused("the integer does not fit \(type)") : .mismatch(type, head)
    }

    func bool(at position: Int) throws -> Bool {
        let head = try head(at: position)
        guard head.major == .simple, head.info == 20 || head.info == 21 else { throw DecodingError.mismatch(Bool.self, head) }
        next = head.next
        return head.info == 21
    }

    /// Accepts integers too.
    func double(at position: Int) throws -> Double {
        let head = try head(at: position)
        next = head.next
        switch (head.major, head.info) {
        case (.simple, 27): return Double(bitPattern: head.value)
        case (.simple, 26): return Double(Float(bitPattern: UInt32(truncatingIfNeeded: head.value)))
        case (.unsigned, _): return Double(head.value)
        case (.negative, _): return -1 - Double(head.value)
        default: throw DecodingError.mismatch(Double.self, head)
        }
    }

    /// - Throws: also for invalid UTF-8, which is never repaired silently.
    func text(at position: Int) throws -> String {
        let head = try head(at: position)
        guard head.major == .text else { throw DecodingError.mismatch(String.self, head) }
        let length = try length(head, bytesEach: 1)
        next = head.next + length
        let source = content(head.next..<next)
        // Faster than the validating initialiser: a repaired text differs from its source.
        var text = String(decoding: source, as: UTF8.self)
        let isSame = text.withUTF8 { utf8 in
            guard let one = utf8.baseAddress, let other = source.baseAddress else { return source.isEmpty }
            return utf8.count == source.count && memcmp(one, other, source.count) == 0
        }
        guard isSame else { throw DecodingError.refused("text is not UTF-8") }
        return text
    }

    func bytes(at position: Int) throws -> UnsafeRawBufferPointer {
        let head = try head(at: position)
        guard head.major == .bytes else { throw DecodingError.mismatch([UInt8].self, head) }
        let length = try length(head, bytesEach: 1)
        next = head.next + length
        return content(head.next..<next)
    }

    /// Reads a value by its own `init(from:)`; byte strings, kept elements and decimal types directly.
    func value<Value: Decodable>(_ type: Value.Type, at position: Int, depth: Int) throws -> Value {
        let identity = ObjectIdentifier(type)
        if identity == byteTypes.0, let bytes = try byteString(at: position), let value = [UInt8](bytes) as? Value {
            return value
        }
        if identity == byteTypes.1, let bytes = try byteString(at: position), let value = Data(bytes) as? Value { return value }
        if identity == elements, let value = try elements(at: position) as? Value { return value }
        if decimals.contains(identity), let number = decimal(at: position) { return CBORDecimalTypes.value(number) }
        let decoder = try decoder(at: depth)
        decoder.begin(at: position)
        let value = try Value(from: decoder)
        next = try decoder.finish()
        return value
    }

    /// `nil` for any other item, such as an array of numbers.
    private func byteString(at position: Int) throws -> UnsafeRawBufferPointer? {
        try head(at: position).major == .bytes ? try bytes(at: position) : nil
    }
}
