/// Values that are one item, read with the position after them.
extension CBORReader {
    func integer<Value: FixedWidthInteger>(at position: Int, as type: Value.Type) throws -> (Value, next: Int) {
        let head = try head(at: position)
        let value: Value? =
            switch head.major {
            case .unsigned: Value(exactly: head.value)
            // -1 - n, which is ~n; beyond 64 bits there is nothing of ours.
            case .negative: Int64(exactly: head.value).flatMap { Value(exactly: ~$0) }
            default: throw DecodingError.mismatch(type, head)
            }
        guard let value else { throw DecodingError.refused("the integer does not fit \(type)") }
        return (value, head.next)
    }

    func bool(at position: Int) throws -> (Bool, next: Int) {
        let head = try head(at: position)
        guard head.major == .simple, head.info == 20 || head.info == 21 else { throw DecodingError.mismatch(Bool.self, head) }
        return (head.info == 21, head.next)
    }

    /// Integers are numbers too.
    func double(at position: Int) throws -> (Double, next: Int) {
        let head = try head(at: position)
        switch (head.major, head.info) {
        case (.simple, 27): return (Double(bitPattern: head.value), head.next)
        case (.simple, 26): return (Double(Float(bitPattern: UInt32(truncatingIfNeeded: head.value))), head.next)
        case (.unsigned, _): return (Double(head.value), head.next)
        case (.negative, _): return (-1 - Double(head.value), head.next)
        default: throw DecodingError.mismatch(Double.self, head)
        }
    }

    /// - Throws: also when the bytes are not UTF-8: nothing is repaired in silence.
    func text(at position: Int) throws -> (String, next: Int) {
        let head = try head(at: position)
        guard head.major == .text else { throw DecodingError.mismatch(String.self, head) }
        let length = try length(head, bytesEach: 1)
        let utf8 = content(head.next..<head.next + length).assumingMemoryBound(to: UInt8.self)
        guard let text = String(validating: utf8, as: UTF8.self) else { throw DecodingError.refused("text is not UTF-8") }
        return (text, head.next + length)
    }

    func bytes(at position: Int) throws -> (UnsafeRawBufferPointer, next: Int) {
        let head = try head(at: position)
        guard head.major == .bytes else { throw DecodingError.mismatch([UInt8].self, head) }
        let length = try length(head, bytesEach: 1)
        return (content(head.next..<head.next + length), head.next + length)
    }
}
