/// The values of one statement, encoded for libpq: binary, in one buffer.
struct SQLParameters: Sendable {
    struct Slot: Sendable {
        let type: UInt32
        let offset: Int
        /// The number of bytes; -1 for NULL.
        let length: CInt
    }

    private(set) var slots: [Slot] = []
    private var writer = PostgresWriter()

    /// The first reason why the values cannot be sent, if any.
    var fault: String? {
        if let fault = writer.fault { return fault }
        return slots.count > Self.maximumParameters
            ? "\(slots.count) parameters exceed the maximum of \(Self.maximumParameters)" : nil
    }

    /// The protocol's maximum: parameters are counted in 16 bits.
    private static let maximumParameters = 65_535
    /// The maximum size of all values together, below the protocol's limit of 1 GiB per message.
    private static let maximumBytes = 1 << 29

    init() {}

    init(capacity: Int) { slots.reserveCapacity(capacity) }

    mutating func append<Value: PostgresEncodable>(_ value: Value) {
        let offset = writer.bytes.count
        if value.isPostgresNull {
            slots.append(Slot(type: Value.postgresType.id, offset: offset, length: -1))
            return
        }
        value.encode(to: &writer)
        if writer.bytes.count > Self.maximumBytes { return fail("the values exceed \(Self.maximumBytes) bytes", at: offset) }
        slots.append(Slot(type: Value.postgresType.id, offset: offset, length: CInt(writer.bytes.count - offset)))
    }

    mutating func append(_ other: SQLParameters) {
        let base = writer.bytes.count
        guard base + other.writer.bytes.count <= Self.maximumBytes else {
            return fail("the values exceed \(Self.maximumBytes) bytes", at: base)
        }
        writer.append(other.writer)
        slots += other.slots.map { Slot(type: $0.type, offset: base + $0.offset, length: $0.length) }
    }

    /// Removes the values and keeps the types. The statement cannot be sent any more.
    mutating func removeValues() { writer = PostgresWriter() }

    var valueBytes: Int { writer.bytes.count }

    private mutating func fail(_ reason: String, at offset: Int) {
        writer.fail(reason)
        writer.truncate(to: offset)
        slots.append(Slot(type: 0, offset: offset, length: -1))
    }

    /// Calls `body` with the arrays that libpq needs: types, pointers, lengths and formats, one each per
    /// parameter.
    func withArguments<Result>(_ body: (borrowing SQLArguments) -> Result) -> Result {
        let count = slots.count
        return writer.bytes.withUnsafeBytes { bytes in
            withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: max(count, 1)) { values in
                withUnsafeTemporaryAllocation(of: CInt.self, capacity: max(2 * count, 1)) { numbers in
                    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: max(count, 1)) { types in
                        for (index, slot) in slots.enumerated() {
                            values[index] = slot.length < 0 ? nil : Self.pointer(bytes, slot.offset)
                            numbers[index] = max(slot.length, 0)
                            numbers[count + index] = 1
                            types[index] = slot.type
                        }
                        return body(
                            SQLArguments(
                                count: CInt(count), types: types.baseAddress, values: values.baseAddress,
                                lengths: numbers.baseAddress, formats: numbers.baseAddress.map { $0 + count }))
                    }
                }
            }
        }
    }

    /// The address of a value. An empty value needs one too, because a null pointer means NULL; it is never
    /// read.
    private static func pointer(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UnsafePointer<CChar>? {
        guard let base = bytes.baseAddress else { return emptyValue }
        return (base + offset).assumingMemoryBound(to: CChar.self)
    }

    private static var emptyValue: UnsafePointer<CChar>? {
        let empty: StaticString = ""
        return UnsafeRawPointer(empty.utf8Start).assumingMemoryBound(to: CChar.self)
    }
}

/// The arrays for one libpq call, valid only during the closure that receives them.
struct SQLArguments: ~Copyable {
    let count: CInt
    let types: UnsafePointer<UInt32>?
    let values: UnsafePointer<UnsafePointer<CChar>?>?
    let lengths: UnsafePointer<CInt>?
    let formats: UnsafePointer<CInt>?
}
