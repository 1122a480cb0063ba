/// Encodes the fields of a map in order.
struct CBORMapEncoder<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let sink: CBORSink
    /// `nil` when the value is already of another kind; every write then fails.
    let container: CBOROpenContainer?

    var codingPath: [any CodingKey] { [] }

    func encodeNil(forKey key: Key) throws { try sink.key(key.stringValue, in: container).null() }
    func encode(_ value: Bool, forKey key: Key) throws { try sink.key(key.stringValue, in: container).bool(value) }
    func encode(_ value: String, forKey key: Key) throws { try sink.key(key.stringValue, in: container).text(value) }
    func encode(_ value: Double, forKey key: Key) throws { try sink.key(key.stringValue, in: container).double(value) }
    func encode(_ value: Float, forKey key: Key) throws { try sink.key(key.stringValue, in: container).float(value) }
    func encode(_ value: Int, forKey key: Key) throws { try sink.key(key.stringValue, in: container).integer(Int64(value)) }
    func encode(_ value: Int8, forKey key: Key) throws { try sink.key(key.stringValue, in: container).integer(Int64(value)) }
    func encode(_ value: Int16, forKey key: Key) throws { try sink.key(key.stringValue, in: container).integer(Int64(value)) }
    func encode(_ value: Int32, forKey key: Key) throws { try sink.key(key.stringValue, in: container).integer(Int64(value)) }
    func encode(_ value: Int64, forKey key: Key) throws { try sink.key(key.stringValue, in: container).integer(value) }
    func encode(_ value: UInt, forKey key: Key) throws { try sink.key(key.stringValue, in: container).unsigned(UInt64(value)) }
    func encode(_ value: UInt8, forKey key: Key) throws { try sink.key(key.stringValue, in: container).unsigned(UInt64(value)) }
    func encode(_ value: UInt16, forKey key: Key) throws { try sink.key(key.stringValue, in: container).unsigned(UInt64(value)) }
    func encode(_ value: UInt32, forKey key: Key) throws { try sink.key(key.stringValue, in: container).unsigned(UInt64(value)) }
    func encode(_ value: UInt64, forKey key: Key) throws { try sink.key(key.stringValue, in: container).unsigned(value) }

    func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
        _ = try sink.key(key.stringValue, in: container)
        do { try sink.value(value) } catch let error as EncodingError { throw error.under(key) }
    }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type, forKey key: Key
    ) -> KeyedEncodingContainer<NestedKey> {
        KeyedEncodingContainer(CBORMapEncoder<NestedKey>(sink: sink, container: begin(.map, key)))
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        CBORArrayEncoder(sink: sink, container: begin(.array, key))
    }

    func superEncoder() -> any Encoder { superEncoder(CBORSuperKey()) }
    func superEncoder(forKey key: Key) -> any Encoder { superEncoder(key) }

    /// The protocol's requirements cannot throw. A closed container returns one whose writes fail.
    private func begin(_ major: CBORMajor, _ key: some CodingKey) -> CBOROpenContainer? {
        do { _ = try sink.key(key.stringValue, in: container) } catch { return nil }
        return sink.begin(major)
    }

    private func superEncoder(_ key: some CodingKey) -> any Encoder {
        do { _ = try sink.key(key.stringValue, in: container) } catch { return CBORRefusingEncoder() }
        return sink.detachedEncoder()
    }
}

/// Encodes the elements of an array in order.
struct CBORArrayEncoder: UnkeyedEncodingContainer {
    let sink: CBORSink
    let container: CBOROpenContainer?

    var codingPath: [any CodingKey] { [] }
    var count: Int { container?.items ?? 0 }

    func encodeNil() throws { try sink.next(in: container).null() }
    func encode(_ value: Bool) throws { try sink.next(in: container).bool(value) }
    func encode(_ value: String) throws { try sink.next(in: container).text(value) }
    func encode(_ value: Double) throws { try sink.next(in: container).double(value) }
    func encode(_ value: Float) throws { try sink.next(in: container).float(value) }
    func encode(_ value: Int) throws { try sink.next(in: container).integer(Int64(value)) }
    func encode(_ value: Int8) throws { try sink.next(in: container).integer(Int64(value)) }
    func encode(_ value: Int16) throws { try sink.next(in: container).integer(Int64(value)) }
    func encode(_ value: Int32) throws { try sink.next(in: container).integer(Int64(value)) }
    func encode(_ value: Int64) throws { try sink.next(in: container).integer(value) }
    func encode(_ value: UInt) throws { try sink.next(in: container).unsigned(UInt64(value)) }
    func encode(_ value: UInt8) throws { try sink.next(in: container).unsigned(UInt64(value)) }
    func encode(_ value: UInt16) throws { try sink.next(in: container).unsigned(UInt64(value)) }
    func encode(_ value: UInt32) throws { try sink.next(in: container).unsigned(UInt64(value)) }
    func encode(_ value: UInt64) throws { try sink.next(in: container).unsigned(value) }

    func encode<Value: Encodable>(_ value: Value) throws {
        let index = count
        _ = try sink.next(in: container)
        do { try sink.value(value) } catch let error as EncodingError { throw error.under(CBORIndexKey(index)) }
    }

    func nestedContainer<NestedKey: CodingKey>(keyedBy type: NestedKey.Type) -> KeyedEncodingContainer<NestedKey> {
        KeyedEncodingContainer(CBORMapEncoder<NestedKey>(sink: sink, container: begin(.map)))
    }

    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { CBORArrayEncoder(sink: sink, container: begin(.array)) }

    func superEncoder() -> any Encoder {
        do { _ = try sink.next(in: container) } catch { return CBORRefusingEncoder() }
        return sink.detachedEncoder()
    }

    private func begin(_ major: CBORMajor) -> CBOROpenContainer? {
        do { _ = try sink.next(in: container) } catch { return nil }
        return sink.begin(major)
    }
}
