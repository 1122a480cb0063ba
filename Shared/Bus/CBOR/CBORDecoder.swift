import Foundation

/// Turns CBOR (RFC 8949) into `Decodable` values; the other side of ``CBOREncoder``.
///
/// Keys that the type does not ask for are skipped, absent ones are `nil` where the type allows it. Fields are looked for where the last one ended,
/// so a sender that encodes in the order of declaration is read in one pass; any other order is right, and slower.
///
/// Anything that is not well formed, or not what the type asks for, is a `DecodingError`: cut off, trailing bytes, lengths beyond the end, invalid UTF-8,
/// indefinite lengths, tags, nesting beyond ``maximumDepth``. Nothing is allocated on the word of a length alone.
package struct CBORDecoder: Sendable {
    package static let maximumDepth = CBOREncoder.maximumDepth

    package init() {}

    /// - Throws: `DecodingError`, and what the type's own `init(from:)` throws.
    package func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
        try bytes.withUnsafeBytes { try decode(type, from: $0) }
    }

    /// Decodes a part of a longer message.
    package func decode<Value: Decodable>(_ type: Value.Type, from bytes: ArraySlice<UInt8>) throws -> Value {
        try bytes.withUnsafeBytes { try decode(type, from: $0) }
    }

    private func decode<Value: Decodable>(_ type: Value.Type, from bytes: UnsafeRawBufferPointer) throws -> Value {
        let reader = CBORReader(bytes)
        defer { reader.close() }
        let (value, next) = try reader.value(type, at: 0, depth: 0)
        if next != reader.end { throw DecodingError.refused("\(reader.end - next) bytes after the value") }
        return value
    }
}

extension CBORReader {
    func value<Value: Decodable>(_ type: Value.Type, at position: Int, depth: Int) throws -> (Value, next: Int) {
        if type == [UInt8].self, let (bytes, next) = try byteString(at: position), let value = [UInt8](bytes) as? Value {
            return (value, next)
        }
        if type == Data.self, let (bytes, next) = try byteString(at: position), let value = Data(bytes) as? Value {
            return (value, next)
        }
        let decoder = try decoder(at: depth)
        decoder.begin(at: position)
        let value = try Value(from: decoder)
        return (value, try decoder.finish())
    }

    /// `nil` when something else is there, an array of numbers for example.
    private func byteString(at position: Int) throws -> (UnsafeRawBufferPointer, next: Int)? {
        try head(at: position).major == .bytes ? try bytes(at: position) : nil
    }
}

/// Where a map or an array has been read up to. Shared by all containers of one value.
final class CBORCursor {
    let major: CBORMajor
    /// Elements or pairs.
    let count: Int
    /// Where the first one begins.
    let first: Int
    /// Where number `index` begins; after the last one, the end of the container.
    var next: Int
    var index = 0

    init(_ major: CBORMajor, count: Int, first: Int) {
        (self.major, self.count, self.first, next) = (major, count, first, first)
    }
}

extension CBORReader {
    func cursor(_ major: CBORMajor, at position: Int) throws -> CBORCursor {
        let head = try head(at: position)
        guard head.major == major else {
            if try isNull(at: position) {
                throw DecodingError.valueNotFound(
                    Any.self, DecodingError.Context(codingPath: [], debugDescription: "expected a container, found null"))
            }
            throw DecodingError.mismatch(major == .map ? [String: Any].self : [Any].self, head)
        }
        return CBORCursor(major, count: try length(head, bytesEach: major == .map ? 2 : 1), first: head.next)
    }

    /// Where the container of `cursor` ends.
    func end(of cursor: CBORCursor) throws -> Int {
        var next = cursor.next
        for _ in cursor.index..<cursor.count {
            if cursor.major == .map { next = try skip(next) }
            next = try skip(next)
        }
        return next
    }
}
