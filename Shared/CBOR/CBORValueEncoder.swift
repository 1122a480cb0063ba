/// Encodes one value: hands out its container, or takes it whole.
///
/// The sink keeps one for each depth and points it at the next value; a type that keeps its encoder beyond `encode(to:)` gets errors, not garbage.
final class CBORValueEncoder: Encoder, SingleValueEncodingContainer {
    private let sink: CBORSink
    /// Where the value begins.
    private var start = 0
    /// Once the value has asked for one.
    private var container: CBOROpenContainer?

    init(sink: CBORSink) { self.sink = sink }

    /// - Parameter position: -1 makes an encoder that refuses everything.
    func begin(at position: Int) {
        start = position
        container = nil
    }

    /// Empty: errors get their path on the way out, which costs nothing when there are none.
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(CBORMapEncoder<Key>(sink: sink, container: open(.map)))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        CBORArrayEncoder(sink: sink, container: open(.array))
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { self }

    /// The value's container, begun earlier or now. `nil`: the value is something else already.
    private func open(_ major: CBORMajor) -> CBOROpenContainer? {
        if let container { return container.major == major ? container : nil }
        guard sink.out.count == start else { return nil }
        let container = sink.begin(major)
        self.container = container
        return container
    }

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
        // The value within has the same depth, and so this very encoder.
        let start = start
        defer { begin(at: start) }
        try sink.value(value)
    }
}
