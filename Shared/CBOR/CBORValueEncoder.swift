/// Encodes one value: returns its container, or writes the value itself.
///
/// The sink keeps one per depth and moves it to the next value. A type that keeps its encoder beyond
/// `encode(to:)` gets errors.
final class CBORValueEncoder: Encoder, SingleValueEncodingContainer {
    private let sink: CBORSink
    /// The position of the value.
    private var start = 0
    /// The container of the value, once requested.
    private var container: CBOROpenContainer?

    init(sink: CBORSink) { self.sink = sink }

    /// - Parameter position: with -1 every write fails.
    func begin(at position: Int) {
        start = position
        container = nil
    }

    /// Empty. Errors get their path while they propagate, so that success costs nothing.
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(CBORMapEncoder<Key>(sink: sink, container: open(.map)))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        CBORArrayEncoder(sink: sink, container: open(.array))
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { self }

    /// Returns the value's container, new or already open; `nil` when the value is already of another kind.
    private func open(_ major: CBORMajor) -> CBOROpenContainer? {
        if let container { return container.major == major ? container : nil }
        guard sink.out.count == start else { return nil }
        let container = sink.begin(major)
        self.container = container
        return container
    }

    private func once() throws -> CBORWriter {
        if sink.out.count != start { throw EncodingError.refused("", "a value is encoded twice at the same position") }
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
        // The inner value has the same depth and therefore this encoder.
        let start = start
        defer { begin(at: start) }
        try sink.value(value)
    }
}
