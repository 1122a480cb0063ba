/// A strict parser of the text exposition format 0.0.4, so that a test fails where Prometheus would.
struct ExpositionFormat {
    struct Sample: Equatable {
        let name: String
        let labels: [String: String]
        let value: Double
    }

    struct Family: Equatable {
        let type: String
        var help: String?
        var samples: [Sample] = []
    }

    struct Malformed: Error, CustomStringConvertible {
        let line: String
        let reason: String
        var description: String { "\(reason): \(line)" }
    }

    private(set) var families: [String: Family] = [:]
    private var current = ""
    private var pendingHelp: (name: String, text: String)?
    private var seen: Set<String> = []

    init(_ bytes: [UInt8]) throws {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw Malformed(line: "", reason: "not UTF-8") }
        guard text.isEmpty || text.hasSuffix("\n") else { throw Malformed(line: "", reason: "the last line has no end") }
        for line in text.dropLast().split(separator: "\n", omittingEmptySubsequences: false) where !text.isEmpty {
            try read(String(line))
        }
    }

    subscript(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        families.values.flatMap(\.samples).first { $0.name == name && $0.labels == labels }?.value
    }

    private mutating func read(_ line: String) throws {
        if line.hasPrefix("# HELP ") {
            try readHelp(line)
        } else if line.hasPrefix("# TYPE ") {
            try readType(line)
        } else {
            try readSample(line)
        }
    }

    private mutating func readHelp(_ line: String) throws {
        let parts = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4, pendingHelp == nil, families[parts[2]] == nil else {
            throw Malformed(line: line, reason: "misplaced help")
        }
        pendingHelp = (parts[2], try Self.unescaped(parts[3], quotes: false))
    }

    private mutating func readType(_ line: String) throws {
        let parts = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4, Self.isName(parts[2], colon: true), families[parts[2]] == nil,
            ["counter", "gauge", "histogram"].contains(parts[3]), pendingHelp.map({ $0.name == parts[2] }) ?? true
        else { throw Malformed(line: line, reason: "misplaced type") }
        current = parts[2]
        families[current] = Family(type: parts[3], help: pendingHelp?.text)
        pendingHelp = nil
    }

    private mutating func readSample(_ line: String) throws {
        guard pendingHelp == nil, var family = families[current] else {
            throw Malformed(line: line, reason: "a sample without a type")
        }
        let nameEnd = line.firstIndex { $0 == "{" || $0 == " " } ?? line.endIndex
        let name = String(line[..<nameEnd])
        let suffixes = family.type == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
        guard suffixes.contains(where: { current + $0 == name }) else { throw Malformed(line: line, reason: "not of \(current)") }
        var rest = line[nameEnd...]
        let labels = try Self.labels(&rest)
        guard rest.first == " ", let value = Self.number(String(rest.dropFirst())) else {
            throw Malformed(line: line, reason: "no value")
        }
        let series = name + labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "\u{0}")
        guard seen.insert(series).inserted else { throw Malformed(line: line, reason: "a series twice") }
        family.samples.append(Sample(name: name, labels: labels, value: value))
        families[current] = family
    }

    private static func labels(_ rest: inout Substring) throws -> [String: String] {
        guard rest.first == "{" else { return [:] }
        let line = String(rest)
        rest.removeFirst()
        var labels: [String: String] = [:]
        while rest.first != "}" {
            guard let equals = rest.firstIndex(of: "=") else { throw Malformed(line: line, reason: "no label") }
            let name = String(rest[..<equals])
            rest = rest[rest.index(after: equals)...]
            guard isName(name, colon: false), rest.first == "\"" else { throw Malformed(line: line, reason: "a bad label name") }
            rest.removeFirst()
            var raw = ""
            while let character = rest.popFirst(), character != "\"" {
                raw.append(character)
                if character == "\\", let next = rest.popFirst() { raw.append(next) }
            }
            guard labels.updateValue(try unescaped(raw, quotes: true), forKey: name) == nil else {
                throw Malformed(line: line, reason: "a label twice")
            }
            if rest.first == "," { rest.removeFirst() }
        }
        rest.removeFirst()
        return labels
    }

    private static func unescaped(_ raw: String, quotes: Bool) throws -> String {
        var (text, scalars) = ("", raw.unicodeScalars[...])
        while let scalar = scalars.popFirst() {
            guard scalar == "\\" else {
                text.unicodeScalars.append(scalar)
                continue
            }
            switch scalars.popFirst() {
            case "\\": text += "\\"
            case "n": text += "\n"
            case "\"" where quotes: text += "\""
            default: throw Malformed(line: raw, reason: "an unknown escape")
            }
        }
        return text
    }

    private static func number(_ text: String) -> Double? {
        switch text {
        case "NaN": .nan
        case "+Inf": .infinity
        case "-Inf": -.infinity
        default: text.allSatisfy({ "0123456789+-.e".contains($0) }) ? Double(text) : nil
        }
    }

    private static func isName(_ text: String, colon: Bool) -> Bool {
        guard let first = text.unicodeScalars.first, !("0"..."9").contains(first) else { return false }
        return text.unicodeScalars.allSatisfy {
            ("a"..."z").contains($0) || ("A"..."Z").contains($0) || ("0"..."9").contains($0) || $0 == "_" || (colon && $0 == ":")
        }
    }
}
