import Foundation

/// Turns `Encodable` values into CBOR (RFC 8949): the payloads of procedures.
///
/// Maps have the coding keys' strings as keys, in the order in which they are encoded, and definite lengths. `[UInt8]` and `Data` are byte strings.
/// Containers must be filled one after the other: going on with an outer one closes those within it.
package struct CBOREncoder: Sendable {
    /// Values within values; a contract that is deeper than this cannot be read back.
    package static let maximumDepth = 64

    package init() {}

    /// - Throws: `EncodingError` when the value nests deeper than ``maximumDepth`` or uses containers out of order; whatever its `encode(to:)` throws.
    package func encode<Value: Encodable>(_ value: Value) throws -> [UInt8] {
        let sink = CBORSink()
        defer { sink.releaseEncoders() }
        try sink.value(value)
        return sink.out.bytes
    }
}

/// What the containers of one encoding share: the bytes, and which maps and arrays are not closed yet.
final class CBORSink {
    /// A map or array whose length is written when it is closed.
    private struct Open {
        let head: Int
        let major: CBORMajor
        let serial: Int
        var items = 0
    }

    /// Where a container stands; worthless once it was closed.
    struct Place {
        fileprivate let level: Int
        fileprivate let serial: Int
    }

    let out = CBORWriter()
    private var open: [Open] = []
    private var lastSerial = 0
    /// One encoder for each depth, made when first needed and used again for all values at that depth.
    private var encoders: [CBORValueEncoder] = []
    /// Where a value was promised to a `superEncoder` that may not have kept the promise yet; -1 is nowhere.
    private var owed = -1

    /// Ends the cycle between this and its encoders.
    func releaseEncoders() { encoders = [] }

    func value<Value: Encodable>(_ value: Value) throws {
        if Value.self == [UInt8].self, let bytes = value as? [UInt8] { return bytes.withUnsafeBytes { out.byteString($0) } }
        if Value.self == Data.self, let data = value as? Data { return data.withUnsafeBytes { out.byteString($0) } }
        let depth = open.count
        guard depth < CBOREncoder.maximumDepth else { throw EncodingError.refused(value, "nested too deeply") }
        let encoder = encoder(at: depth)
        encoder.start = out.count
        try value.encode(to: encoder)
        close(to: depth)
        // A type without stored properties may encode nothing at all.
        if out.count == encoder.start { out.head(.map, 0) }
    }

    /// The container of the value at `depth`, begun earlier or now. `nil`: the value is something else already.
    func container(_ major: CBORMajor, depth: Int, start: Int) -> Place? {
        if open.count > depth {
            return open[depth].major == major ? Place(level: depth, serial: open[depth].serial) : nil
        }
        return open.count == depth && out.count == start ? begin(major) : nil
    }

    func begin(_ major: CBORMajor) -> Place {
        lastSerial += 1
        open.append(Open(head: out.openHead(), major: major, serial: lastSerial))
        return Place(level: open.count - 1, serial: lastSerial)
    }

    /// Closes what was opened within `place`, then counts one more item of it, to be written to the result.
    func next(in place: Place?) throws -> CBORWriter {
        guard let place, place.level < open.count, open[place.level].serial == place.serial else {
            throw EncodingError.refused("", "a container is written to after it was left, or beside another one of its value")
        }
        if owed >= 0 { settle() }
        if open.count > place.level + 1 { close(to: place.level + 1) }
        open[place.level].items += 1
        return out
    }

    func items(in place: Place?) -> Int {
        guard let place, place.level < open.count, open[place.level].serial == place.serial else { return 0 }
        return open[place.level].items
    }

    /// As ``next(in:)``, for a map: writes the key too.
    func key(_ key: some CodingKey, in place: Place?) throws -> CBORWriter {
        try next(in: place).text(key.stringValue)
        return out
    }

    /// An encoder for a value that begins here, for as long as the container around it is open.
    func detachedEncoder() -> CBORValueEncoder {
        owed = out.count
        let encoder = CBORValueEncoder(sink: self, depth: open.count)
        encoder.start = out.count
        return encoder
    }

    private func settle() {
        if owed == out.count { out.head(.map, 0) }
        owed = -1
    }

    private func close(to depth: Int) {
        if owed >= 0 { settle() }
        while open.count > depth {
            let container = open.removeLast()
            out.close(head: container.head, major: container.major, length: container.items)
        }
    }

    private func encoder(at depth: Int) -> CBORValueEncoder {
        while encoders.count <= depth { encoders.append(CBORValueEncoder(sink: self, depth: encoders.count)) }
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
