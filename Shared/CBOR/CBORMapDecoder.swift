/// Decodes the fields of a map. Fields requested in wire order cost one comparison each.
///
/// Code that depends on the key type runs unspecialised and is slow, so it is kept small.
struct CBORMapDecoder<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let reader: CBORReader
    let cursor: CBORCursor
    /// The nesting depth of its values.
    let depth: Int

    var codingPath: [any CodingKey] { [] }

    var allKeys: [Key] {
        var keys: [Key] = []
        var position = cursor.first
        do {
            for _ in 0..<cursor.count {
                let name = try reader.text(at: position)
                if let key = Key(stringValue: name) { keys.append(key) }
                position = try reader.skip(reader.next)
            }
        } catch {
            cursor.fault = error as? DecodingError ?? .keyIsNotText
        }
        return keys
    }

    func contains(_ key: Key) -> Bool { (try? reader.field(key.stringValue, in: cursor).isAbsent) == false }
    func decodeNil(forKey key: Key) throws -> Bool { try reader.isNull(at: field(key).value) }

    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try read(key, reader.bool) }
    func decode(_ type: String.Type, forKey key: Key) throws -> String { try read(key, reader.text) }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try read(key, reader.double) }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { Float(try read(key, reader.double)) }
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
    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value { try value(field(key), key) }

    func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? { try readIfPresent(key, reader.bool) }
    func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? { try readIfPresent(key, reader.text) }
    func decodeIfPresent(_ type: Double.Type, forKey key: Key) throws -> Double? { try readIfPresent(key, reader.double) }
    func decodeIfPresent(_ type: Int.Type, forKey key: Key) throws -> Int? { try integerIfPresent(key) }
    func decodeIfPresent(_ type: Int32.Type, forKey key: Key) throws -> Int32? { try integerIfPresent(key) }
    func decodeIfPresent(_ type: Int64.Type, forKey key: Key) throws -> Int64? { try integerIfPresent(key) }
    func decodeIfPresent<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value? {
        let field = try fieldIfPresent(key)
        return field.isAbsent ? nil : try value(field, key)
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
    private func field(_ key: some CodingKey) throws -> CBORField {
        let field = try reader.field(key.stringValue, in: cursor)
        if field.isAbsent {
            let context = DecodingError.Context(codingPath: [], debugDescription: "there is no \(key.stringValue)")
            throw DecodingError.keyNotFound(key, context)
        }
        return field
    }

    /// Treats null as absent.
    private func fieldIfPresent(_ key: Key) throws -> CBORField {
        let field = try reader.field(key.stringValue, in: cursor)
        if field.isAbsent { return field }
        guard try reader.isNull(at: field.value) else { return field }
        cursor.advance(past: field.index, to: field.value + 1)
        return .absent
    }

    private func value<Value: Decodable>(_ field: CBORField, _ key: Key) throws -> Value {
        do {
            let value = try reader.value(Value.self, at: field.value, depth: depth)
            cursor.advance(past: field.index, to: reader.next)
            return value
        } catch let error as DecodingError {
            throw error.under(key)
        }
    }

    @inline(__always)
    private func read<Value>(_ key: Key, _ read: (Int) throws -> Value) throws -> Value { try item(field(key), key, read: read) }

    @inline(__always)
    private func readIfPresent<Value>(_ key: Key, _ read: (Int) throws -> Value) throws -> Value? {
        let field = try fieldIfPresent(key)
        return field.isAbsent ? nil : try item(field, key, read: read)
    }

    @inline(__always)
    private func integer<Value: FixedWidthInteger>(_ key: Key) throws -> Value {
        try item(field(key), key) { try reader.integer(at: $0, as: Value.self) }
    }

    @inline(__always)
    private func integerIfPresent<Value: FixedWidthInteger>(_ key: Key) throws -> Value? {
        let field = try fieldIfPresent(key)
        return field.isAbsent ? nil : try item(field, key) { try reader.integer(at: $0, as: Value.self) }
    }

    /// Reads a value that is a single item.
    @inline(__always)
    private func item<Value>(_ field: CBORField, _ key: Key, read: (Int) throws -> Value) throws -> Value {
        do {
            let value = try read(field.value)
            cursor.advance(past: field.index, to: reader.next)
            return value
        } catch let error as DecodingError {
            throw error.under(key)
        }
    }

    private func nested(_ major: CBORMajor, _ key: Key) throws -> CBORCursor {
        guard depth < CBORDecoder.maximumDepth else { throw DecodingError.refused("nested too deeply") }
        let field = try field(key)
        cursor.advance(past: field.index, to: try reader.skip(field.value))
        do { return try reader.cursor(major, at: field.value) } catch let error as DecodingError { throw error.under(key) }
    }

    private func superDecoder(_ key: some CodingKey) throws -> any Decoder {
        let field = try field(key)
        let decoder = CBORValueDecoder(reader: reader, depth: depth)
        decoder.begin(at: field.value)
        cursor.advance(past: field.index, to: try reader.skip(field.value))
        return decoder
    }
}
