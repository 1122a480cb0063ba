/// A buffer of values in the server's binary format.
package struct PostgresWriter: Sendable {
    private(set) var bytes: [UInt8] = []
    /// The first reason why the content cannot be sent, if any.
    private(set) var fault: String?

    /// Appends a number, big-endian.
    package mutating func write<Number: FixedWidthInteger>(_ number: Number) {
        withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
    }

    package mutating func write(bytes more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

    /// Marks the statement as unsendable. Running it throws ``PostgresError/Reason/invalidParameter`` with
    /// this reason.
    package mutating func fail(_ reason: String) { if fault == nil { fault = reason } }

    mutating func append(_ other: PostgresWriter) {
        bytes += other.bytes
        if fault == nil { fault = other.fault }
    }

    mutating func truncate(to count: Int) { bytes.removeLast(bytes.count - count) }

    mutating func clear() { bytes.removeAll(keepingCapacity: true) }

    /// Appends a value after its length, as in arrays and rows of `COPY`. NULL has the length -1.
    mutating func writeWithLength(_ value: some PostgresEncodable) {
        guard !value.isPostgresNull else { return write(Int32(-1)) }
        let start = bytes.count
        write(Int32(0))
        value.encode(to: &self)
        let length = UInt32(truncatingIfNeeded: bytes.count - start - 4)
        for index in 0..<4 { bytes[start + index] = UInt8(truncatingIfNeeded: length >> (24 - 8 * UInt32(index))) }
    }
}
