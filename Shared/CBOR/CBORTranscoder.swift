/// Converts CBOR to JSON (RFC 8949, 6.1) without decoding values, for callers that only pass a response on.
///
/// It is as strict as ``CBORDecoder``, and refuses byte strings and numbers that JSON does not have.
package struct CBORTranscoder {
    private let reader: CBORReader
    private var json: JSONWriter

    /// - Throws: `DecodingError`.
    package static func json(_ bytes: [UInt8]) throws -> [UInt8] {
        try transcode(bytes) { transcoder in
            let end = try transcoder.item(at: 0, depth: 0)
            if end != transcoder.reader.end { throw DecodingError.refused("bytes after the value") }
        }
    }

    /// Converts one field of a map.
    ///
    /// - Throws: `DecodingError`, also when the field is absent.
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
            var transcoder = CBORTranscoder(reader: reader, capacity: bytes.count + bytes.count / 4 + 64)
            try body(&transcoder)
            return transcoder.json.bytes
        }
    }

    private init(reader: CBORReader, capacity: Int) {
        self.reader = reader
        json = JSONWriter(capacity: capacity)
    }

    /// Writes one item and returns the position of the next.
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
        case (.simple, 20): json.append(json: "false")
        case (.simple, 21): json.append(json: "true")
        case (.simple, 22): json.append(json: "null")
        case (.simple, 26): try double(Double(Float(bitPattern: UInt32(truncatingIfNeeded: head.value))))
        case (.simple, 27): try double(Double(bitPattern: head.value))
        default: throw DecodingError.refused("an item that JSON does not have")
        }
        return head.next
    }

    private mutating func double(_ number: Double) throws {
        guard number.isFinite else { throw DecodingError.refused("a number that JSON does not have") }
        json.append(json: number.description.utf8)
    }

    private mutating func number(_ head: CBORReader.Head) {
        // -1 - n has the digits of n + 1.
        if head.major == .negative { json.append(UInt8(ascii: "-")) }
        let (magnitude, overflow) = head.value.addingReportingOverflow(head.major == .negative ? 1 : 0)
        json.append(json: (overflow ? "18446744073709551616" : String(magnitude)).utf8)
    }

    private mutating func text(_ head: CBORReader.Head) throws -> Int {
        let length = try reader.length(head, bytesEach: 1)
        let source = reader.content(head.next..<head.next + length)
        let isASCII = json.append(utf8: source)
        if !isASCII, String(validating: source, as: UTF8.self) == nil { throw DecodingError.refused("text is not UTF-8") }
        return head.next + length
    }
}
