import Foundation

/// Turns `Encodable` values into CBOR (RFC 8949): the payloads of procedures.
///
/// Maps have the coding keys' strings as keys, in the order in which they are encoded, and definite lengths. `[UInt8]` and `Data` are byte strings.
/// Containers must be filled one after the other: going on with an outer one closes those within it.
package struct CBOREncoder: Sendable {
    /// Values within values; a contract that is deeper than this cannot be read back.
    package static let maximumDepth = 64

    private let decimals: CBORDecimalTypes

    package init(decimals: CBORDecimalTypes = .none) { self.decimals = decimals }

    /// - Throws: `EncodingError` when the value nests deeper than ``maximumDepth`` or uses containers out of order; whatever its `encode(to:)` throws.
    package func encode<Value: Encodable>(_ value: Value) throws -> [UInt8] {
        let sink = CBORSink(decimals)
        defer { sink.releaseEncoders() }
        try sink.value(value)
        return sink.out.bytes
    }

    /// Returns a value as JSON, its fields in the order of its coding keys, in a third of the time of `JSONEncoder`.
    ///
    /// - Throws: `EncodingError`; `DecodingError` for a value that JSON cannot express, such as a byte string.
    package func json(_ value: some Encodable) throws -> [UInt8] { try CBORTranscoder.json(try encode(value)) }

    /// Returns the elements of an array, encoded one by one.
    ///
    /// - Throws: what encoding any of `values` throws.
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

/// A map or array that is being written; its length is put before it when it is closed.
final class CBOROpenContainer {
    let major: CBORMajor
    let head: Int
    /// 1 for the outermost.
    let depth: Int
    let parent: CBOROpenContainer?
    var items = 0
    var isClosed = false

    init(_ major: CBORMajor, head: Int, within parent: CBOROpenContainer?) {
        (self.major, self.head, self.parent) = (major, head, parent)
        depth = (parent?.depth ?? 0) + 1
    }
}

/// What the containers of one encoding share: the bytes, and which maps and arrays are not closed yet.
final class CBORSink {
    let out = CBORWriter()
    /// The innermost that is not closed.
    private var current: CBOROpenContainer?
    /// One encoder for each depth, made when first needed and used again for all values at that depth.
    private var encoders: [CBORValueEncoder] = []
    /// Where a value was promised to a `superEncoder` that may not have kept the promise yet; -1 is nowhere.
    private var owed = -1
    private let decimals: CBORDecimalTypes
    private let byteTypes = (ObjectIdentifier([UInt8].self), ObjectIdentifier(Data.self))
    private let elements = ObjectIdentifier(CBORElements.self)

    init(_ decimals: CBORDecimalTypes = .none) { self.decimals = decimals }

    /// Ends the cycle between this and its encoders.
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
        // A type without stored properties may encode nothing at all.
        if out.count == start { out.head(.map, 0) }
    }

    func begin(_ major: CBORMajor) -> CBOROpenContainer {
        let container = CBOROpenContainer(major, head: out.openHead(), within: current)
        current = container
        return container
    }

    /// Closes what was opened within `container`, then counts one more item of it, to be written to the result.
    func next(in container: CBOROpenContainer?) throws -> CBORWriter {
        guard let container, !container.isClosed else {
            throw EncodingError.refused("", "a container is written to after it was left, or beside another one of its value")
        }
        if owed >= 0 { settle() }
        if current !== container { close(to: container) }
        container.items += 1
        return out
    }

    /// As ``next(in:)``, for a map: writes the key too.
    func key(_ key: String, in container: CBOROpenContainer?) throws -> CBORWriter {
        try next(in: container).text(key)
        return out
    }

    /// An encoder for a value that begins here, for as long as the container around it is open.
    func detachedEncoder() -> CBORValueEncoder {
        owed = out.count
        let encoder = CBORValueEncoder(sink: self)
        encoder.begin(at: out.count)
        return encoder
    }

    private func settle() {
        if owed == out.count { out.head(.map, 0) }
        owed = -1
    }

    private func close(to outer: CBOROpenContainer?) {
        if owed >= 0 { settle() }
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

    /// The same error as seen from outside the value at `key`.
    func under(_ key: any CodingKey) -> EncodingError {
        guard case .invalidValue(let value, let context) = self else { return self }
        return .invalidValue(
            value,
            Context(
                codingPath: [key] + context.codingPath, debugDescription: context.debugDescription,
                underlyingError: context.underlyingError))
    }
}
