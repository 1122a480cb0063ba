/// The index of an array element in the coding path of an error.
struct CBORIndexKey: CodingKey {
    let intValue: Int?
    init(_ index: Int) { intValue = index }
    init?(intValue: Int) { self.intValue = intValue }
    init?(stringValue: String) { return nil }
    var stringValue: String { "Index \(intValue ?? 0)" }
}

/// The default key of a superclass.
struct CBORSuperKey: CodingKey {
    init() {}
    init?(intValue: Int) { return nil }
    init?(stringValue: String) { if stringValue != "super" { return nil } }
    var stringValue: String { "super" }
    var intValue: Int? { nil }
}

/// The result of a requirement that must return an encoder although its container is closed. Every write to
/// it fails.
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
