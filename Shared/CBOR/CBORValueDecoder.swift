/// Decodes one value: hands out its container, or the whole.
///
/// The reader keeps one for each depth and points it at the next value.
final class CBORValueDecoder: Decoder, SingleValueDecodingContainer {
    private let reader: CBORReader
    private let depth: Int
    private var start = 0
    /// After the value, once it was taken whole.
    private var end = -1
    private var cursor: CBORCursor?

    init(reader: CBORReader, depth: Int) {
        self.reader = reader
        self.depth = depth
    }

    /// Empty: errors get their path on the way out, which costs nothing when there are none.
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func begin(at position: Int) { (start, end, cursor) = (position, -1, nil) }

    /// The position after the value, however much of it the type has asked for.
    func finish() throws -> Int {
        if end >= 0 { return end }
        if let cursor { return try reader.end(of: cursor) }
        return try reader.skip(start)
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(CBORMapDecoder<Key>(reader: reader, cursor: try cursor(.map), depth: depth + 1))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        CBORArrayDecoder(reader: reader, cursor: try cursor(.array), depth: depth + 1)
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer { self }

    private func cursor(_ major: CBORMajor) throws -> CBORCursor {
        if let cursor, cursor.major == major { return cursor }
        let cursor = try reader.cursor(major, at: start)
        self.cursor = cursor
        return cursor
    }

    /// Remembers that the value was taken whole.
    private func whole<Value>(_ value: Value) -> Value {
        end = reader.next
        return value
    }

    func decodeNil() -> Bool {
        guard let isNull = try? reader.isNull(at: start), isNull else { return false }
        end = start + 1
        return true
    }

    func decode(_ type: Bool.Type) throws -> Bool { whole(try reader.bool(at: start)) }
    func decode(_ type: String.Type) throws -> String { whole(try reader.text(at: start)) }
    func decode(_ type: Double.Type) throws -> Double { whole(try reader.double(at: start)) }
    func decode(_ type: Float.Type) throws -> Float { Float(whole(try reader.double(at: start))) }
    func decode(_ type: Int.Type) throws -> Int { whole(try reader.integer(at: start, as: type)) }
    func decode(_ type: Int8.Type) throws -> Int8 { whole(try reader.integer(at: start, as: type)) }
    func decode(_ type: Int16.Type) throws -> Int16 { whole(try reader.integer(at: start, as: type)) }
    func decode(_ type: Int32.Type) throws -> Int32 { whole(try reader.integer(at: start, as: type)) }
    func decode(_ type: Int64.Type) throws -> Int64 { whole(try reader.integer(at: start, as: type)) }
    func decode(_ type: UInt.Type) throws -> UInt { whole(try reader.integer(at: start, as: type)) }
    func decode(_ type: UInt8.Type) throws -> UInt8 { whole(try reader.integer(at: start, as: type)) }
    func decode(_ type: UInt16.Type) throws -> UInt16 { whole(try reader.integer(at: start, as: type)) }
    func decode(_ type: UInt32.Type) throws -> UInt32 { whole(try reader.integer(at: start, as: type)) }
    func decode(_ type: UInt64.Type) throws -> UInt64 { whole(try reader.integer(at: start, as: type)) }

    /// A value in the place of another, an `Optional` for example. One level deeper, so that its decoder is not this one.
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        whole(try reader.value(type, at: start, depth: depth + 1))
    }
}
