/// Headers or arguments: names with values, in insertion order.
package struct AMQPTable: Hashable, Sendable, ExpressibleByDictionaryLiteral {
    package struct Entry: Hashable, Sendable {
        /// At most 255 bytes of UTF-8.
        package var name: String
        package var value: AMQPValue
    }

    package private(set) var entries: [Entry]

    package init() { entries = [] }

    package init(dictionaryLiteral elements: (String, AMQPValue)...) { entries = elements.map(Entry.init) }

    package var isEmpty: Bool { entries.isEmpty }

    package mutating func append(_ name: String, _ value: AMQPValue) { entries.append(Entry(name: name, value: value)) }

    package mutating func reserveCapacity(_ count: Int) { entries.reserveCapacity(count) }

    /// The first value with this name. Setting `nil` removes it.
    package subscript(name: String) -> AMQPValue? {
        get { entries.first { $0.name == name }?.value }
        set {
            let index = entries.firstIndex { $0.name == name }
            switch (index, newValue) {
            case (let index?, let value?): entries[index].value = value
            case (let index?, nil): entries.remove(at: index)
            case (nil, let value?): append(name, value)
            case (nil, nil): break
            }
        }
    }
}

/// A value of a table. Integers of all widths arrive as `integer`; they are sent with 64 bits.
package indirect enum AMQPValue: Hashable, Sendable {
    case bool(Bool)
    case integer(Int64)
    case double(Double)
    case string(String)
    case bytes([UInt8])
    /// Seconds since the Unix epoch.
    case timestamp(UInt64)
    case table(AMQPTable)
    case array([AMQPValue])
    case null
}

extension AMQPValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }

    package var string: String? { if case .string(let value) = self { value } else { nil } }
    package var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
    package var table: AMQPTable? { if case .table(let value) = self { value } else { nil } }
    package var array: [AMQPValue]? { if case .array(let value) = self { value } else { nil } }
}
