/// Swift source, split line by line into code, string literals and comments.
struct SourceText {
    /// The code, with comments and the insides of strings blanked out; interpolated code is blanked too.
    let code: [String]
    /// The contents of string literals, each with the line on which it starts.
    let strings: [(line: Int, text: String)]
    private let commented: Set<Int>

    init(_ text: String) {
        var scanner = Scanner(text)
        scanner.scan()
        code = scanner.code
        strings = scanner.strings
        commented = scanner.commented
    }

    /// The number of lines, as an editor counts them.
    var count: Int { code.count - (code.last == "" ? 1 : 0) }

    /// Whether a comment stands on `line` (from 0), or alone on the line above it.
    func isExplained(line: Int) -> Bool {
        commented.contains(line) || (commented.contains(line - 1) && code[line - 1].allSatisfy { $0 == " " })
    }
}

private struct Scanner {
    private let bytes: [UInt8]
    private var at = 0
    private var current: [UInt8] = []
    private(set) var code: [String] = []
    private(set) var strings: [(line: Int, text: String)] = []
    private(set) var commented: Set<Int> = []

    init(_ text: String) { bytes = Array(text.utf8) }

    mutating func scan() {
        while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: "/") where starts("//"): skipLineComment()
            case UInt8(ascii: "/") where starts("/*"): skipBlockComment()
            case UInt8(ascii: "\""), UInt8(ascii: "#"):
                if let hashes = openingQuote() { skipString(hashes: hashes) } else { keep() }
            default: keep()
            }
        }
        endLine()
    }

    private mutating func skipLineComment() {
        commented.insert(code.count)
        while at < bytes.count, bytes[at] != UInt8(ascii: "\n") { at += 1 }
    }

    private func starts(_ text: StaticString, at offset: Int = 0) -> Bool {
        let length = text.utf8CodeUnitCount
        guard at + offset + length <= bytes.count else { return false }
        return text.withUTF8Buffer { bytes[(at + offset)..<(at + offset + length)].elementsEqual($0) }
    }

    private mutating func keep() {
        if bytes[at] == UInt8(ascii: "\n") { endLine() } else { current.append(bytes[at]) }
        at += 1
    }

    /// Skips one byte without losing count of the lines.
    private mutating func skip() {
        if bytes[at] == UInt8(ascii: "\n") { endLine() }
        at += 1
    }

    private mutating func endLine() {
        code.append(String(decoding: current, as: UTF8.self))
        current = []
    }

    private mutating func skipBlockComment() {
        var depth = 0
        repeat {
            commented.insert(code.count)
            if starts("/*") { depth += 1; at += 2 } else if starts("*/") { depth -= 1; at += 2 } else { skip() }
        } while depth > 0 && at < bytes.count
    }

    /// The number of `#` before a quote that starts here; `nil` when no quote does.
    private func openingQuote() -> Int? {
        var hashes = 0
        while at + hashes < bytes.count, bytes[at + hashes] == UInt8(ascii: "#") { hashes += 1 }
        return starts("\"", at: hashes) ? hashes : nil
    }

    private mutating func skipString(hashes: Int) {
        let line = code.count
        at += hashes
        let quotes = starts("\"\"\"") ? 3 : 1
        at += quotes
        current.append(UInt8(ascii: "\""))
        var text: [UInt8] = []
        while at < bytes.count, !closes(quotes: quotes, hashes: hashes) {
            if bytes[at] == UInt8(ascii: "\\"), escapes(hashes: hashes) {
                if starts("(", at: 1 + hashes) {
                    at += 2 + hashes
                    skipInterpolation()
                    text.append(UInt8(ascii: " "))
                    continue
                }
                skip()
                for _ in 0..<hashes { skip() }
            }
            guard at < bytes.count else { break }
            text.append(bytes[at])
            skip()
        }
        at = min(bytes.count, at + quotes + hashes)
        current.append(UInt8(ascii: "\""))
        strings.append((line, String(decoding: text, as: UTF8.self)))
    }

    private func closes(quotes: Int, hashes: Int) -> Bool {
        guard at + quotes + hashes <= bytes.count else { return false }
        return bytes[at..<(at + quotes)].allSatisfy { $0 == UInt8(ascii: "\"") }
            && bytes[(at + quotes)..<(at + quotes + hashes)].allSatisfy { $0 == UInt8(ascii: "#") }
    }

    private func escapes(hashes: Int) -> Bool {
        guard at + 1 + hashes <= bytes.count else { return false }
        return bytes[(at + 1)..<(at + 1 + hashes)].allSatisfy { $0 == UInt8(ascii: "#") }
    }

    private mutating func skipInterpolation() {
        var depth = 1
        while at < bytes.count, depth > 0 {
            if let hashes = openingQuote() {
                let kept = current
                skipString(hashes: hashes)
                if current.starts(with: kept) { current = kept }
                continue
            }
            if bytes[at] == UInt8(ascii: "(") { depth += 1 } else if bytes[at] == UInt8(ascii: ")") { depth -= 1 }
            skip()
        }
    }
}
