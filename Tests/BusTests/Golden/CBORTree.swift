/// A parsed CBOR item, for tests that change a message without knowing its type. Supports the parts of CBOR
/// that the encoder writes.
indirect enum CBORTree: Equatable {
    case map([(key: CBORTree, value: CBORTree)])
    case array([CBORTree])
    /// Numbers, texts, bytes and simple values, as they stand.
    case leaf([UInt8])

    struct Unreadable: Error {}

    init(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        self = try Self.parse(&rest)
        guard rest.isEmpty else { throw Unreadable() }
    }

    static func text(_ text: String) -> CBORTree { .leaf(head(3, text.utf8.count) + Array(text.utf8)) }

    var bytes: [UInt8] {
        switch self {
        case .map(let entries): Self.head(5, entries.count) + entries.flatMap { $0.key.bytes + $0.value.bytes }
        case .array(let items): Self.head(4, items.count) + items.flatMap(\.bytes)
        case .leaf(let bytes): bytes
        }
    }

    /// Maps whose keys are data: the values of a section.
    private static let data = Set(["values", "before", "after"].map { CBORTree.text($0).bytes })

    /// The same with one more entry in front of every map, at every level.
    func adding(_ name: String, _ value: CBORTree) -> CBORTree {
        switch self {
        case .map(let entries):
            .map(
                [(.text(name), value)]
                    + entries.map { ($0.key, Self.data.contains($0.key.bytes) ? $0.value : $0.value.adding(name, value)) })
        case .array(let items): .array(items.map { $0.adding(name, value) })
        case .leaf: self
        }
    }

    static func == (one: CBORTree, other: CBORTree) -> Bool { one.bytes == other.bytes }

    // MARK: Bytes

    /// In the shortest form, up to 65,535.
    private static func head(_ kind: UInt8, _ count: Int) -> [UInt8] {
        switch count {
        case ..<24: [kind << 5 | UInt8(count)]
        case ..<256: [kind << 5 | 24, UInt8(count)]
        default: [kind << 5 | 25, UInt8(count >> 8), UInt8(count & 255)]
        }
    }

    private static func parse(_ bytes: inout ArraySlice<UInt8>) throws -> CBORTree {
        let start = bytes
        guard let first = bytes.popFirst() else { throw Unreadable() }
        let argument = try number(first & 31, &bytes)
        switch first >> 5 {
        case 2, 3:
            guard bytes.count >= argument else { throw Unreadable() }
            bytes = bytes.dropFirst(argument)
        case 4: return .array(try (0..<argument).map { _ in try parse(&bytes) })
        case 5: return .map(try (0..<argument).map { _ in (try parse(&bytes), try parse(&bytes)) })
        case 6: throw Unreadable()
        default: break
        }
        return .leaf(Array(start[start.startIndex..<bytes.startIndex]))
    }

    private static func number(_ low: UInt8, _ bytes: inout ArraySlice<UInt8>) throws -> Int {
        if low < 24 { return Int(low) }
        guard low < 28, bytes.count >= 1 << (low - 24) else { throw Unreadable() }
        let width = 1 << Int(low - 24)
        defer { bytes = bytes.dropFirst(width) }
        return bytes.prefix(width).reduce(0) { $0 << 8 | Int($1) }
    }
}
