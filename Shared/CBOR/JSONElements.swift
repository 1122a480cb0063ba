/// Splits an array in JSON text into its elements, for callers that pass them on without decoding them.
package enum JSONElements {
    /// Returns the ranges of the elements in the only array of an object without other fields:
    /// `{"items":[…]}`.
    ///
    /// - Parameter json: without white space, as ``CBOREncoder/json(_:)`` writes it.
    /// - Returns: an empty list when there is no array.
    package static func ranges(in json: [UInt8]) -> [Range<Int>] {
        guard let open = json.firstIndex(of: UInt8(ascii: "[")) else { return [] }
        var scan = Scan(first: open + 1)
        for index in open + 1..<json.count where !scan.advance(over: json[index], at: index) { break }
        return scan.ranges
    }

    private struct Scan {
        var ranges: [Range<Int>] = []
        private var start: Int
        private var depth = 0
        private var isText = false
        private var isEscaped = false

        init(first: Int) { start = first }

        /// - Returns: `false` at the end of the array.
        mutating func advance(over byte: UInt8, at index: Int) -> Bool {
            if isText { return advanceInText(over: byte) }
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

        private mutating func advanceInText(over byte: UInt8) -> Bool {
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
