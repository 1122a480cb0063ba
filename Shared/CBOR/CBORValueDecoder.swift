/// Decodes one value: returns its container, or the value itself.
///
/// The reader keeps one per depth and moves it to the next value.
final class CBORValueDecoder: Decoder, SingleValueDecodingContainer {
    private let reader: CBORReader
    private let depth: Int
    private var start = 0
    /// The position after the value once all of it is read; -1 before.
    private var end = -1
    private var cursor: CBORCursor?

    init(reader: CBORReader, depth: Int) {
        self.reader = reader
        self.depth = depth
    }

    /// Empty. Errors get their path while they propagate, so that success costs nothing.
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func begin(at position: Int) {
        start = position
        end = -1
        cursor = nil
    }

    /// Returns the position after the value, however much of it the type has read.
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

    /// Records that all of the value is read.
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

    /// Decodes a value in place of another, such as the content of an `Optional`. It is one level deeper and
    /// so has a decoder of its own.
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        whole(try reader.value(type, at: start, depth: depth + 1))
    }
}
