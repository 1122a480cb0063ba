/// The reason why bytes are not an envelope of this version.
package enum EnvelopeError: Error, Hashable, Sendable {
    case truncated
    /// Another version of the envelope. The correlation ids are known, since every version has the same head.
    case version(UInt8, correlationIDs: [UInt64])
    /// The head is valid, the rest is not.
    case malformed(String, correlationIDs: [UInt64])
}

/// Reads big-endian numbers and counted bytes. Never reads past the end.
struct EnvelopeReader {
    private let bytes: [UInt8]
    private(set) var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    mutating func number<Number: FixedWidthInteger & UnsignedInteger>(_ type: Number.Type) throws(EnvelopeError) -> Number {
        let range = try range(MemoryLayout<Number>.size)
        return bytes[range].reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
    }

    /// Returns the range of the next `count` bytes and moves past them.
    mutating func range(_ count: Int) throws(EnvelopeError) -> Range<Int> {
        guard count <= bytes.count - position else { throw .truncated }
        defer { position += count }
        return position..<position + count
    }

    /// - Throws: `truncated`, also for invalid UTF-8.
    mutating func text(_ count: Int) throws(EnvelopeError) -> String {
        let range = try range(count)
        let text = bytes.withUnsafeBytes { String(validating: $0[range], as: UTF8.self) }
        guard let text else { throw .truncated }
        return text
    }
}

extension [UInt8] {
    mutating func append<Number: FixedWidthInteger & UnsignedInteger>(number: Number) {
        Swift.withUnsafeBytes(of: number.bigEndian) { append(contentsOf: $0) }
    }
}

/// The head of an envelope, the same in all versions: the version, the number of entries (1…32) and the
/// correlation id of each.
///
/// With it a receiver can refuse every entry of a version that it does not know.
struct EnvelopeHead {
    static let version: UInt8 = 1
    static let maximumCount = 32

    static func write(_ correlationIDs: some Collection<UInt64>, to bytes: inout [UInt8]) {
        bytes.append(version)
        bytes.append(UInt8(correlationIDs.count))
        for id in correlationIDs { bytes.append(number: id) }
    }

    /// - Throws: `version` for any other version, zero included; `truncated` when ids are missing.
    static func read(_ reader: inout EnvelopeReader) throws(EnvelopeError) -> [UInt64] {
        let version = try reader.number(UInt8.self)
        let count = Int(try reader.number(UInt8.self))
        guard (1...maximumCount).contains(count) else { throw .malformed("\(count) entries", correlationIDs: []) }
        var ids: [UInt64] = []
        ids.reserveCapacity(count)
        for _ in 0..<count { ids.append(try reader.number(UInt64.self)) }
        guard version == Self.version else { throw .version(version, correlationIDs: ids) }
        return ids
    }
}
