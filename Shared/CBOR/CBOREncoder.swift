import Foundation

/// Encodes `Encodable` values as CBOR (RFC 8949).
///
/// The keys of maps are the strings of the coding keys, in the order of encoding. Lengths are definite.
/// `[UInt8]` and `Data` are byte strings. Containers must be filled one after the other: writing to an outer
/// container closes the inner ones.
package struct CBOREncoder: Sendable {
    /// The deepest nesting of values that the decoder accepts.
    package static let maximumDepth = 64

    private let decimals: CBORDecimalTypes

    package init(decimals: CBORDecimalTypes = .none) { self.decimals = decimals }

    /// - Throws: `EncodingError` when the value nests deeper than ``maximumDepth`` or uses containers out of
    ///   order, and any error of its `encode(to:)`.
    package func encode<Value: Encodable>(_ value: Value) throws -> [UInt8] {
        let sink = CBORSink(decimals)
        defer { sink.releaseEncoders() }
        try sink.value(value)
        return sink.out.bytes
    }

    /// Returns a value as JSON with its fields in the order of its coding keys. Takes a third of the time of
    /// `JSONEncoder`.
    ///
    /// - Throws: `EncodingError`; `DecodingError` for a value that JSON does not have, such as a byte string.
    package func json(_ value: some Encodable) throws -> [UInt8] { try CBORTranscoder.json(try encode(value)) }

    /// Returns the elements of an array, encoded one by one.
    ///
    /// - Throws: as ``encode(_:)`` does.
    package func elements(_ values: some Sequence<some Encodable>) throws -> CBORElements {
        let sink = CBORSink(decimals)
        defer { sink.releaseEncoders() }
        var ends: [Int] = []
        for value in values {
            try sink.value(value)
            ends.append(sink.out.count)
        }
        return CBORElements(bytes: sink.out.bytes[...], ends: ends[...])
    }
}

/// A map or array under construction. Closing it writes its length into its head.
final class CBOROpenContainer {
    let major: CBORMajor
    let head: Int
    /// 1 for the outermost container.
    let depth: Int
    let parent: CBOROpenContainer?
    var items = 0
    var isClosed = false

    init(_ major: CBORMajor, head: Int, within parent: CBOROpenContainer?) {
        self.major = major
        self.head = head
        self.parent = parent
        depth = (parent?.depth ?? 0) + 1
    }
}

/// The state that the containers of one encoding share: the bytes, and the open maps and arrays.
final class CBORSink {
    let out = CBORWriter()
    /// The innermost open container.
    private var current: CBOROpenContainer?
    /// One encoder per depth, created on first use and reused for all values at that depth.
    private var encoders: [CBORValueEncoder] = []
    /// The position reserved for the value of a `superEncoder` that may not have written it yet; -1 without
    /// one.
    private var reserved = -1
    private let decimals: CBORDecimalTypes
    private let byteTypes = (ObjectIdentifier([UInt8].self), ObjectIdentifier(Data.self))
    private let elements = ObjectIdentifier(CBORElements.self)

    init(_ decimals: CBORDecimalTypes = .none) { self.decimals = decimals }

    /// Breaks the reference cycle between the sink and its encoders.
    func releaseEncoders() { encoders = [] }

    func value<Value: Encodable>(_ value: Value) throws {
        let type = ObjectIdentifier(Value.self)
        if type == byteTypes.0, let bytes = value as? [UInt8] { return bytes.withUnsafeBytes { out.byteString($0) } }
        if type == byteTypes.1, let data = value as? Data { return data.withUnsafeBytes { out.byteString($0) } }
        if type == elements, let elements = value as? CBORElements { return out.elements(elements) }
        if decimals.contains(type) {
            let number = CBORDecimalTypes.number(of: value)
            if number > 0 { return out.decimal(number) }
        }
        let outer = current
        let encoder = try encoder(at: outer?.depth ?? 0)
        let start = out.count
        encoder.begin(at: start)
        try value.encode(to: encoder)
        if current !== outer { close(to: outer) }
        // A type without stored properties may encode nothing.
        if out.count == start { out.head(.map, 0) }
    }

    func begin(_ major: CBORMajor) -> CBOROpenContainer {
        let container = CBOROpenContainer(major, head: out.openHead(), within: current)
        current = container
        return container
    }

    /// Closes the containers within `container` and counts one more item of it.
    ///
    /// - Returns: the writer for the item.
    func next(in container: CBOROpenContainer?) throws -> CBORWriter {
        guard let container, !container.isClosed else {
            throw EncodingError.refused(
                "", "a container is written to after it was closed, or beside another container of the same value")
        }
        if reserved >= 0 { settle() }
        if current !== container { close(to: container) }
        container.items += 1
        return out
    }

    /// Like ``next(in:)`` for a map, and writes the key.
    func key(_ key: String, in container: CBOROpenContainer?) throws -> CBORWriter {
        try next(in: container).text(key)
        return out
    }

    /// Returns an encoder for a value at this position. It is valid while the surrounding container is open.
    func detachedEncoder() -> CBORValueEncoder {
        reserved = out.count
        let encoder = CBORValueEncoder(sink: self)
        encoder.begin(at: out.count)
        return encoder
    }

    private func settle() {
        if reserved == out.count { out.head(.map, 0) }
        reserved = -1
    }

    private func close(to outer: CBOROpenContainer?) {
        if reserved >= 0 { settle() }
        while let container = current, container !== outer {
            out.close(head: container.head, major: container.major, length: container.items)
            container.isClosed = true
            current = container.parent
        }
    }

    private func encoder(at depth: Int) throws -> CBORValueEncoder {
        guard depth < CBOREncoder.maximumDepth else { throw EncodingError.refused("", "nested too deeply") }
        while encoders.count <= depth { encoders.append(CBORValueEncoder(sink: self)) }
        return encoders[depth]
    }
}

extension EncodingError {
    static func refused(_ value: Any, _ reason: String) -> EncodingError {
        .invalidValue(value, Context(codingPath: [], debugDescription: reason))
    }

    /// The error with `key` in front of its coding path.
    func under(_ key: any CodingKey) -> EncodingError {
        guard case .invalidValue(let value, let context) = self else { return self }
        return .invalidValue(
            value,
            Context(
                codingPath: [key] + context.codingPath, debugDescription: context.debugDescription,
                underlyingError: context.underlyingError))
    }
}
