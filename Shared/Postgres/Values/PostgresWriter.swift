/// Takes values in the server's binary form.
package struct PostgresWriter: Sendable {
    private(set) var bytes: [UInt8] = []
    /// Why what was written cannot be sent: the first reason given.
    private(set) var fault: String?

    /// Big-endian.
    package mutating func write<Number: FixedWidthInteger>(_ number: Number) {
        withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
    }

    package mutating func write(bytes more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

    /// The statement will not be sent; whoever runs it gets ``PostgresError/Reason/invalidParameter`` with this reason.
    package mutating func fail(_ reason: String) { if fault == nil { fault = reason } }

    mutating func append(_ other: PostgresWriter) {
        bytes += other.bytes
        if fault == nil { fault = other.fault }
    }

    mutating func cut(to count: Int) { bytes.removeLast(bytes.count - count) }

    mutating func clear() { bytes.removeAll(keepingCapacity: true) }

    /// A value after its length, as arrays and rows of `COPY` have it; NULL is the length -1.
    mutating func writeCounted(_ value: some PostgresEncodable) {
        guard !value.isPostgresNull else { return write(Int32(-1)) }
        let start = bytes.count
        write(Int32(0))
        value.encode(to: &self)
        let length = UInt32(truncatingIfNeeded: bytes.count - start - 4)
        for place in 0..<4 { bytes[start + place] = UInt8(truncatingIfNeeded: length >> (24 - 8 * UInt32(place))) }
    }
}
