/// Takes a list apart that is JSON already, for whoever passes its elements on without reading them.
package enum JSONElements {
    /// The elements of the one array of an object that has nothing else, as ``OutboxEvent`` codes it: `{"items":[…]}`.
    ///
    /// - Parameter json: as our own coders write it.
    /// - Returns: where they stand; empty for what has no array.
    package static func ranges(in json: [UInt8]) -> [Range<Int>] {
        guard let open = json.firstIndex(of: UInt8(ascii: "[")) else { return [] }
        var scan = Scan(first: open + 1)
        for index in open + 1..<json.count where !scan.take(json[index], at: index) { break }
        return scan.ranges
    }

    private struct Scan {
        var ranges: [Range<Int>] = []
        private var start: Int
        private var depth = 0
        private var isText = false
        private var isEscaped = false

        init(first: Int) { start = first }

        /// False at the end of the array.
        mutating func take(_ byte: UInt8, at index: Int) -> Bool {
            if isText { return takeText(byte) }
            switch byte {
            case UInt8(ascii: "\""): isText = true
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"): depth -= 1
            case UInt8(ascii: "]"):
                if depth == 0 {
                    end(index)
                    return false
                }
                depth -= 1
            case UInt8(ascii: ","): if depth == 0 { end(index) }
            default: break
            }
            return true
        }

        private mutating func takeText(_ byte: UInt8) -> Bool {
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isText = false
            }
            return true
        }

        private mutating func end(_ index: Int) {
            if start < index { ranges.append(start..<index) }
            start = index + 1
        }
    }
}
