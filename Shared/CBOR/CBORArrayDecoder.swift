/// Decodes the elements of an array in order.
struct CBORArrayDecoder: UnkeyedDecodingContainer {
    let reader: CBORReader
    let cursor: CBORCursor
    /// The nesting depth of its elements.
    let depth: Int

    var codingPath: [any CodingKey] { [] }
    var count: Int? { cursor.count }
    var isAtEnd: Bool { cursor.index >= cursor.count }
    var currentIndex: Int { cursor.index }

    func decodeNil() throws -> Bool {
        guard !isAtEnd, try reader.isNull(at: cursor.next) else { return false }
        advance(to: cursor.next + 1)
        return true
    }

    func decode(_ type: Bool.Type) throws -> Bool { try element(reader.bool) }
    func decode(_ type: String.Type) throws -> String { try element(reader.text) }
    func decode(_ type: Double.Type) throws -> Double { try element(reader.double) }
    func decode(_ type: Float.Type) throws -> Float { Float(try element(reader.double)) }
    func decode(_ type: Int.Type) throws -> Int { try integer() }
    func decode(_ type: Int8.Type) throws -> Int8 { try integer() }
    func decode(_ type: Int16.Type) throws -> Int16 { try integer() }
    func decode(_ type: Int32.Type) throws -> Int32 { try integer() }
    func decode(_ type: Int64.Type) throws -> Int64 { try integer() }
    func decode(_ type: UInt.Type) throws -> UInt { try integer() }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try integer() }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try integer() }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try integer() }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try integer() }

    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try element { try reader.value(type, at: $0, depth: depth) }
    }

    func nestedContainer<NestedKey: CodingKey>(keyedBy type: NestedKey.Type) throws -> KeyedDecodingContainer<NestedKey> {
        KeyedDecodingContainer(CBORMapDecoder<NestedKey>(reader: reader, cursor: try nested(.map), depth: depth + 1))
    }

    func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        CBORArrayDecoder(reader: reader, cursor: try nested(.array), depth: depth + 1)
    }

    func superDecoder() throws -> any Decoder {
        let decoder = CBORValueDecoder(reader: reader, depth: depth)
        try element { position in
            decoder.begin(at: position)
            reader.next = try reader.skip(position)
        }
        return decoder
    }

    private func advance(to next: Int) { cursor.advance(past: cursor.index, to: next) }

    @inline(__always)
    private func element<Value>(_ read: (Int) throws -> Value) throws -> Value {
        let index = cursor.index
        guard index < cursor.count else { throw Self.atEnd(index, Value.self) }
        do {
            let value = try read(cursor.next)
            cursor.advance(past: index, to: reader.next)
            return value
        } catch let error as DecodingError {
            throw error.under(CBORIndexKey(index))
        }
    }

    private static func atEnd(_ index: Int, _ type: Any.Type) -> DecodingError {
        let context = DecodingError.Context(
            codingPath: [CBORIndexKey(index)], debugDescription: "the array has no more elements")
        return .valueNotFound(type, context)
    }

    @inline(__always)
    private func integer<Value: FixedWidthInteger>() throws -> Value {
        try element { try reader.integer(at: $0, as: Value.self) }
    }

    private func nested(_ major: CBORMajor) throws -> CBORCursor {
        guard depth < CBORDecoder.maximumDepth else { throw DecodingError.refused("nested too deeply") }
        return try element { position in
            let cursor = try reader.cursor(major, at: position)
            reader.next = try reader.skip(position)
            return cursor
        }
    }
}
