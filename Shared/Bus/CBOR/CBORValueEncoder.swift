/// Encodes one value: hands out its container, or takes it whole.
///
/// The sink keeps one for each depth and points it at the next value; a type that keeps its encoder beyond `encode(to:)` gets errors, not garbage.
final class CBORValueEncoder: Encoder, SingleValueEncodingContainer {
    private let sink: CBORSink
    private let depth: Int
    /// Where the value begins.
    var start = 0

    init(sink: CBORSink, depth: Int) {
        self.sink = sink
        self.depth = depth
    }

    /// Empty: errors get their path on the way out, which costs nothing when there are none.
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(CBORMapEncoder<Key>(sink: sink, place: sink.container(.map, depth: depth, start: start)))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        CBORArrayEncoder(sink: sink, place: sink.container(.array, depth: depth, start: start))
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { self }

    private func once() throws -> CBORWriter {
        if sink.out.count != start { throw EncodingError.refused("", "a value is encoded twice into the same place") }
        return sink.out
    }

    func encodeNil() throws { try once().null() }
    func encode(_ value: Bool) throws { try once().bool(value) }
    func encode(_ value: String) throws { try once().text(value) }
    func encode(_ value: Double) throws { try once().double(value) }
    func encode(_ value: Float) throws { try once().float(value) }
    func encode(_ value: Int) throws { try once().integer(Int64(value)) }
    func encode(_ value: Int8) throws { try once().integer(Int64(value)) }
    func encode(_ value: Int16) throws { try once().integer(Int64(value)) }
    func encode(_ value: Int32) throws { try once().integer(Int64(value)) }
    func encode(_ value: Int64) throws { try once().integer(value) }
    func encode(_ value: UInt) throws { try once().unsigned(UInt64(value)) }
    func encode(_ value: UInt8) throws { try once().unsigned(UInt64(value)) }
    func encode(_ value: UInt16) throws { try once().unsigned(UInt64(value)) }
    func encode(_ value: UInt32) throws { try once().unsigned(UInt64(value)) }
    func encode(_ value: UInt64) throws { try once().unsigned(value) }

    func encode<Value: Encodable>(_ value: Value) throws {
        _ = try once()
        let start = start
        defer { self.start = start }
        try sink.value(value)
    }
}
