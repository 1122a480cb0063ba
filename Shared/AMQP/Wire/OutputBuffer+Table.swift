extension OutputBuffer {
    mutating func put(_ table: AMQPTable) {
        let size = position
        put(UInt32(0))
        for entry in table.entries {
            putShort(entry.name)
            put(entry.value)
        }
        patch(UInt32(position - size - 4), at: size)
    }

    private mutating func put(_ value: AMQPValue) {
        switch value {
        case .bool(let flag):
            put(UInt8(ascii: "t"))
            put(UInt8(flag ? 1 : 0))
        case .integer(let number):
            put(UInt8(ascii: "l"))
            put(number)
        case .double(let number):
            put(UInt8(ascii: "d"))
            put(number.bitPattern)
        case .string(let text):
            put(UInt8(ascii: "S"))
            putLong(text)
        case .bytes(let bytes):
            put(UInt8(ascii: "x"))
            put(UInt32(bytes.count))
            put(contentsOf: bytes)
        case .timestamp(let seconds):
            put(UInt8(ascii: "T"))
            put(seconds)
        case .table(let table):
            put(UInt8(ascii: "F"))
            put(table)
        case .array(let values): putArray(values)
        case .null: put(UInt8(ascii: "V"))
        }
    }

    private mutating func putArray(_ values: [AMQPValue]) {
        put(UInt8(ascii: "A"))
        let size = position
        put(UInt32(0))
        for value in values { put(value) }
        patch(UInt32(position - size - 4), at: size)
    }
}
