/// The values of one statement, encoded as libpq takes them: binary, in one buffer.
struct SQLParameters: Sendable {
    struct Slot: Sendable {
        let type: UInt32
        let offset: Int
        /// Bytes; -1 is NULL.
        let length: CInt
    }

    private(set) var slots: [Slot] = []
    private var writer = PostgresWriter()

    /// Why these values cannot be sent, if so: the first reason found.
    var fault: String? {
        if let fault = writer.fault { return fault }
        return slots.count > Self.mostParameters ? "\(slots.count) parameters are more than \(Self.mostParameters)" : nil
    }

    /// The protocol counts parameters in 16 bits.
    private static let mostParameters = 65_535
    /// The protocol's limit for one message is 1 GiB; a statement's values together stay below.
    private static let mostBytes = 1 << 29

    init() {}

    init(capacity: Int) { slots.reserveCapacity(capacity) }

    mutating func append<Value: PostgresEncodable>(_ value: Value) {
        let offset = writer.bytes.count
        if value.isPostgresNull {
            slots.append(Slot(type: Value.postgresType.id, offset: offset, length: -1))
            return
        }
        value.encode(to: &writer)
        if writer.bytes.count > Self.mostBytes { return refuse("the values are larger than \(Self.mostBytes) bytes", at: offset) }
        slots.append(Slot(type: Value.postgresType.id, offset: offset, length: CInt(writer.bytes.count - offset)))
    }

    mutating func append(_ other: SQLParameters) {
        let base = writer.bytes.count
        guard base + other.writer.bytes.count <= Self.mostBytes else { return refuse("the values are too large", at: base) }
        writer.append(other.writer)
        slots += other.slots.map { Slot(type: $0.type, offset: base + $0.offset, length: $0.length) }
    }

    /// Keeps the types; not to be sent any more.
    mutating func forgetValues() { writer = PostgresWriter() }

    var valueBytes: Int { writer.bytes.count }

    private mutating func refuse(_ reason: String, at offset: Int) {
        writer.fail(reason)
        writer.cut(to: offset)
        slots.append(Slot(type: 0, offset: offset, length: -1))
    }

    /// Lends what libpq wants: types, pointers, lengths and formats, one each per parameter.
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

    /// An empty value is not NULL, so it needs an address too, which nobody reads.
    private static func pointer(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UnsafePointer<CChar>? {
        guard let base = bytes.baseAddress else { return emptyValue }
        return (base + offset).assumingMemoryBound(to: CChar.self)
    }

    private static var emptyValue: UnsafePointer<CChar>? {
        let empty: StaticString = ""
        return UnsafeRawPointer(empty.utf8Start).assumingMemoryBound(to: CChar.self)
    }
}

/// The arrays of one libpq call; valid only while lent.
struct SQLArguments: ~Copyable {
    let count: CInt
    let types: UnsafePointer<UInt32>?
    let values: UnsafePointer<UnsafePointer<CChar>?>?
    let lengths: UnsafePointer<CInt>?
    let formats: UnsafePointer<CInt>?
}
