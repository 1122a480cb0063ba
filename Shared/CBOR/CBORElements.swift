/// Elements of an array that are CBOR already: for whoever keeps values to pass them on, and need not make them again for every reader.
///
/// As a value it is coded as the array that they are elements of; they are checked for being well-formed, not for what they mean.
package struct CBORElements: Sendable {
    package private(set) var bytes: ArraySlice<UInt8>
    /// Where each element ends in ``bytes``.
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

    /// Bytes of the element at a place: 0, 1, 2, …
    package func byteCount(at place: Int) -> Int {
        let index = ends.startIndex + place
        return ends[index] - start(at: index)
    }

    /// The elements at some places, sharing the bytes.
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

/// ``CBOREncoder`` and ``CBORDecoder`` copy the bytes and never come here; no other coder can.
extension CBORElements: Codable {
    package init(from decoder: any Decoder) throws { throw DecodingError.refused("only CBOR can be kept as CBOR") }
    package func encode(to encoder: any Encoder) throws { throw EncodingError.refused(self, "only CBOR can be kept as CBOR") }
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
