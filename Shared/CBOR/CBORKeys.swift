/// An element's place in an array, in the path of an error.
struct CBORIndexKey: CodingKey {
    let intValue: Int?
    init(_ index: Int) { intValue = index }
    init?(intValue: Int) { self.intValue = intValue }
    init?(stringValue: String) { return nil }
    var stringValue: String { "Index \(intValue ?? 0)" }
}

/// The key of a class's inherited part, when it names none.
struct CBORSuperKey: CodingKey {
    init() {}
    init?(intValue: Int) { return nil }
    init?(stringValue: String) { if stringValue != "super" { return nil } }
    var stringValue: String { "super" }
    var intValue: Int? { nil }
}

/// Stands where an encoder must be returned though its container was left already: whatever is written to it fails.
struct CBORRefusingEncoder: Encoder {
    private let sink = CBORSink()
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(CBORMapEncoder<Key>(sink: sink, container: nil))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer { CBORArrayEncoder(sink: sink, container: nil) }

    func singleValueContainer() -> any SingleValueEncodingContainer {
        let encoder = sink.detachedEncoder()
        encoder.begin(at: -1)
        return encoder
    }
}
