/// The elements of an array, encoded as CBOR: for values that are kept and passed on without decoding them
/// again.
///
/// It encodes as the array of its elements. Decoding checks that the elements are well formed, not what they
/// mean.
package struct CBORElements: Sendable {
    package private(set) var bytes: ArraySlice<UInt8>
    /// The end of each element in ``bytes``.
    private var ends: ArraySlice<Int>

    package init() {
        bytes = []
        ends = []
    }

    init(bytes: ArraySlice<UInt8>, ends: ArraySlice<Int>) {
        self.bytes = bytes
        self.ends = ends
    }

    package var count: Int { ends.count }

    /// The size in bytes of element number `place`, counted from 0.
    package func byteCount(at place: Int) -> Int {
        let index = ends.startIndex + place
        return ends[index] - start(at: index)
    }

    /// A range of elements, which shares the bytes.
    package subscript(places: Range<Int>) -> CBORElements {
        if places.isEmpty { return CBORElements() }
        let indices = ends.startIndex + places.lowerBound..<ends.startIndex + places.upperBound
        return CBORElements(bytes: bytes[start(at: indices.lowerBound)..<ends[indices.upperBound - 1]], ends: ends[indices])
    }

    package mutating func append(_ more: CBORElements) {
        let shift = bytes.endIndex - more.bytes.startIndex
        bytes += more.bytes
        ends += more.ends.map { $0 + shift }
    }

    private func start(at index: Int) -> Int { index == ends.startIndex ? bytes.startIndex : ends[index - 1] }
}

extension CBORElements: Equatable {
    package static func == (one: CBORElements, other: CBORElements) -> Bool {
        one.count == other.count && one.bytes == other.bytes
    }
}

/// ``CBOREncoder`` and ``CBORDecoder`` copy the bytes instead of calling these methods. Other coders fail.
extension CBORElements: Codable {
    package init(from decoder: any Decoder) throws { throw DecodingError.refused("CBORElements requires the CBOR coders") }
    package func encode(to encoder: any Encoder) throws {
        throw EncodingError.refused(self, "CBORElements requires the CBOR coders")
    }
}

extension CBORWriter {
    func elements(_ elements: CBORElements) {
        head(.array, UInt64(elements.count))
        elements.bytes.withUnsafeBytes { append($0) }
    }
}

extension CBORReader {
    func elements(at position: Int) throws -> CBORElements {
        let cursor = try cursor(.array, at: position)
        var (end, ends) = (cursor.first, [Int]())
        ends.reserveCapacity(cursor.count)
        for _ in 0..<cursor.count {
            end = try skip(end)
            ends.append(end - cursor.first)
        }
        next = end
        return CBORElements(copying: content(cursor.first..<end), ends: ends)
    }
}

extension CBORElements {
    fileprivate init(copying bytes: UnsafeRawBufferPointer, ends: [Int]) { self.init(bytes: Array(bytes)[...], ends: ends[...]) }
}
