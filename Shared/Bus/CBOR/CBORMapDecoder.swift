/// A map that is being read. Fields asked for in the order of the wire cost one comparison each.
struct CBORMapDecoder<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let reader: CBORReader
    let cursor: CBORCursor
    /// Of the values in it.
    let depth: Int

    var codingPath: [any CodingKey] { [] }

    var allKeys: [Key] {
        var keys: [Key] = []
        var position = cursor.first
        for _ in 0..<cursor.count {
            guard let (name, value) = try? reader.text(at: position), let next = try? reader.skip(value) else { break }
            if let key = Key(stringValue: name) { keys.append(key) }
            position = next
        }
        return keys
    }

    func contains(_ key: Key) -> Bool { (try? find(key)) != nil }
    func decodeNil(forKey key: Key) throws -> Bool { try reader.isNull(at: require(key).value) }

    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try field(key, reader.bool) }
    func decode(_ type: String.Type, forKey key: Key) throws -> String { try field(key, reader.text) }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try field(key, reader.double) }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { Float(try field(key, reader.double)) }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try integer(key) }
    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try integer(key) }
    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try integer(key) }
    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try integer(key) }
    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try integer(key) }
    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try integer(key) }
    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try integer(key) }
    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try integer(key) }
    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try integer(key) }
    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try integer(key) }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        try field(key) { try reader.value(type, at: $0, depth: depth) }
    }

    func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? { try optional(key, reader.bool) }
    func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? { try optional(key, reader.text) }
    func decodeIfPresent(_ type: Double.Type, forKey key: Key) throws -> Double? { try optional(key, reader.double) }
    func decodeIfPresent(_ type: Int.Type, forKey key: Key) throws -> Int? { try optionalInteger(key) }
    func decodeIfPresent(_ type: Int32.Type, forKey key: Key) throws -> Int32? { try optionalInteger(key) }
    func decodeIfPresent(_ type: Int64.Type, forKey key: Key) throws -> Int64? { try optionalInteger(key) }
    func decodeIfPresent<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value? {
        try optional(key) { try reader.value(type, at: $0, depth: depth) }
    }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<NestedKey> {
        KeyedDecodingContainer(CBORMapDecoder<NestedKey>(reader: reader, cursor: try nested(.map, key), depth: depth + 1))
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        CBORArrayDecoder(reader: reader, cursor: try nested(.array, key), depth: depth + 1)
    }

    func superDecoder() throws -> any Decoder { try superDecoder(CBORSuperKey()) }
    func superDecoder(forKey key: Key) throws -> any Decoder { try superDecoder(key) }
}

extension CBORMapDecoder {
    private struct Found {
        let index: Int
        let value: Int
    }

    /// Looks where the last field ended, then onwards, then from the start.
    private func find(_ key: some CodingKey) throws -> Found? {
        var name = key.stringValue
        return try name.withUTF8 { name in
            if cursor.index < cursor.count, let value = try reader.match(name, at: cursor.next) {
                return Found(index: cursor.index, value: value)
            }
            return try find(name, from: cursor.index, at: cursor.next, upTo: cursor.count)
                ?? find(name, from: 0, at: cursor.first, upTo: cursor.index)
        }
    }

    private func find(_ name: UnsafeBufferPointer<UInt8>, from index: Int, at position: Int, upTo limit: Int) throws -> Found? {
        var position = position
        for index in index..<limit {
            if let value = try reader.match(name, at: position) { return Found(index: index, value: value) }
            position = try reader.skip(reader.skip(position))
        }
        return nil
    }

    private func require(_ key: some CodingKey) throws -> Found {
        if let found = try find(key) { return found }
        throw DecodingError.keyNotFound(
            key, DecodingError.Context(codingPath: [], debugDescription: "there is no \(key.stringValue)"))
    }

    private func advance(past found: Found, to next: Int) {
        cursor.index = found.index + 1
        cursor.next = next
    }

    private func field<Value>(_ key: Key, _ read: (Int) throws -> (Value, next: Int)) throws -> Value {
        let found = try require(key)
        return try value(key, found, read)
    }

    private func optional<Value>(_ key: Key, _ read: (Int) throws -> (Value, next: Int)) throws -> Value? {
        guard let found = try find(key) else { return nil }
        if try reader.isNull(at: found.value) {
            advance(past: found, to: found.value + 1)
            return nil
        }
        return try value(key, found, read)
    }

    private func value<Value>(_ key: Key, _ found: Found, _ read: (Int) throws -> (Value, next: Int)) throws -> Value {
        do {
            let (value, next) = try read(found.value)
            advance(past: found, to: next)
            return value
        } catch let error as DecodingError {
            throw error.under(key)
        }
    }

    private func integer<Value: FixedWidthInteger>(_ key: Key) throws -> Value {
        try field(key) { try reader.integer(at: $0, as: Value.self) }
    }

    private func optionalInteger<Value: FixedWidthInteger>(_ key: Key) throws -> Value? {
        try optional(key) { try reader.integer(at: $0, as: Value.self) }
    }

    private func nested(_ major: CBORMajor, _ key: Key) throws -> CBORCursor {
        guard depth < CBORDecoder.maximumDepth else { throw DecodingError.refused("nested too deeply") }
        return try field(key) { (try reader.cursor(major, at: $0), try reader.skip($0)) }
    }

    private func superDecoder(_ key: some CodingKey) throws -> any Decoder {
        let found = try require(key)
        let decoder = CBORValueDecoder(reader: reader, depth: depth)
        decoder.begin(at: found.value)
        advance(past: found, to: try reader.skip(found.value))
        return decoder
    }
}
