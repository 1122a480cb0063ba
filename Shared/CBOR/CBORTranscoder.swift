/// Rewrites CBOR as JSON (RFC 8949, 6.1) without making values of it, for whoever only passes on what came over the bus.
///
/// As strict as ``CBORDecoder``. Byte strings and numbers that JSON does not have are refused.
package struct CBORTranscoder {
    private let reader: CBORReader
    private var json: [UInt8] = []

    /// - Throws: `DecodingError`.
    package static func json(_ bytes: [UInt8]) throws -> [UInt8] {
        try transcode(bytes) { transcoder in
            let end = try transcoder.item(at: 0, depth: 0)
            if end != transcoder.reader.end { throw DecodingError.refused("bytes after the value") }
        }
    }

    /// The value of one field of a map.
    ///
    /// - Throws: `DecodingError`, also when there is no such field.
    package static func json(of field: String, in bytes: [UInt8]) throws -> [UInt8] {
        try transcode(bytes) { transcoder in
            let place = try transcoder.reader.field(field, in: try transcoder.reader.cursor(.map, at: 0))
            if place.isAbsent { throw DecodingError.refused("there is no field \(field)") }
            _ = try transcoder.item(at: place.value, depth: 1)
        }
    }

    private static func transcode(_ bytes: [UInt8], _ body: (inout CBORTranscoder) throws -> Void) throws -> [UInt8] {
        try bytes.withUnsafeBytes { bytes in
            let reader = CBORReader(bytes)
            defer { reader.close() }
            var transcoder = CBORTranscoder(reader: reader)
            transcoder.json.reserveCapacity(bytes.count + bytes.count / 4 + 64)
            try body(&transcoder)
            return transcoder.json
        }
    }

    private init(reader: CBORReader) { self.reader = reader }

    /// Where the next item begins.
    private mutating func item(at position: Int, depth: Int) throws -> Int {
        guard depth < CBORDecoder.maximumDepth else {
            throw DecodingError.refused("nested more than \(CBORDecoder.maximumDepth) deep")
        }
        let head = try reader.head(at: position)
        switch head.major {
        case .unsigned, .negative:
            number(head)
            return head.next
        case .text: return try text(head)
        case .array: return try array(head, depth)
        case .map: return try map(head, depth)
        default: return try simple(head)
        }
    }

    private mutating func array(_ head: CBORReader.Head, _ depth: Int) throws -> Int {
        var next = head.next
        json.append(UInt8(ascii: "["))
        for index in 0..<(try reader.length(head, bytesEach: 1)) {
            if index > 0 { json.append(UInt8(ascii: ",")) }
            next = try item(at: next, depth: depth + 1)
        }
        json.append(UInt8(ascii: "]"))
        return next
    }

    private mutating func map(_ head: CBORReader.Head, _ depth: Int) throws -> Int {
        var next = head.next
        json.append(UInt8(ascii: "{"))
        for index in 0..<(try reader.length(head, bytesEach: 2)) {
            if index > 0 { json.append(UInt8(ascii: ",")) }
            let key = try reader.head(at: next)
            guard key.major == .text else { throw DecodingError.keyIsNotText }
            next = try text(key)
            json.append(UInt8(ascii: ":"))
            next = try item(at: next, depth: depth + 1)
        }
        json.append(UInt8(ascii: "}"))
        return next
    }

    private mutating func simple(_ head: CBORReader.Head) throws -> Int {
        switch (head.major, head.info) {
        case (.simple, 20): json.append(contentsOf: "false".utf8)
        case (.simple, 21): json.append(contentsOf: "true".utf8)
        case (.simple, 22): json.append(contentsOf: "null".utf8)
        case (.simple, 26): try double(Double(Float(bitPattern: UInt32(truncatingIfNeeded: head.value))))
        case (.simple, 27): try double(Double(bitPattern: head.value))
        default: throw DecodingError.refused("an item that JSON does not have")
        }
        return head.next
    }

    private mutating func double(_ number: Double) throws {
        guard number.isFinite else { throw DecodingError.refused("a number that JSON does not have") }
        json.append(contentsOf: number.description.utf8)
    }

    private mutating func number(_ head: CBORReader.Head) {
        // -1 - n, whose digits are those of n + 1.
        if head.major == .negative { json.append(UInt8(ascii: "-")) }
        let (magnitude, overflow) = head.value.addingReportingOverflow(head.major == .negative ? 1 : 0)
        json.append(contentsOf: (overflow ? "18446744073709551616" : String(magnitude)).utf8)
    }

    // MARK: Text

    private mutating func text(_ head: CBORReader.Head) throws -> Int {
        let length = try reader.length(head, bytesEach: 1)
        let source = reader.content(head.next..<head.next + length)
        json.append(UInt8(ascii: "\""))
        var (plainFrom, isASCII) = (0, true)
        for (index, byte) in source.enumerated() {
            if byte >= 0x80 { isASCII = false }
            guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
            json.append(contentsOf: source[plainFrom..<index])
            escape(byte)
            plainFrom = index + 1
        }
        json.append(contentsOf: source[plainFrom...])
        json.append(UInt8(ascii: "\""))
        if !isASCII, String(validating: source, as: UTF8.self) == nil { throw DecodingError.refused("text is not UTF-8") }
        return head.next + length
    }

    private mutating func escape(_ byte: UInt8) {
        json.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\n"): json.append(UInt8(ascii: "n"))
        case UInt8(ascii: "\r"): json.append(UInt8(ascii: "r"))
        case UInt8(ascii: "\t"): json.append(UInt8(ascii: "t"))
        case 0..<0x20:
            json.append(contentsOf: "u00".utf8)
            for digit in [byte >> 4, byte & 0xF] {
                json.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            }
        default: json.append(byte)
        }
    }
}
