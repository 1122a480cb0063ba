/// Finds functions and their lengths in code without comments and strings.
struct Functions {
    struct Function: Equatable {
        let name: String
        /// From the line of `func`, `init`, `deinit` or `subscript` to that of the closing brace.
        let lines: Int
    }

    static func of(_ code: [String]) -> [Function] {
        code.indices.compactMap { line in
            guard let name = name(in: code[line]), let end = end(of: code, from: line) else { return nil }
            return Function(name: name, lines: end - line + 1)
        }
    }

    private static let modifiers: Set<Substring> = [
        "public", "package", "internal", "private", "fileprivate", "static", "class", "final", "override", "mutating",
        "nonmutating", "nonisolated",
        "isolated", "required", "convenience", "consuming", "borrowing", "nonisolated(nonsending)", "nonisolated(unsafe)",
    ]

    private static func name(in line: String) -> String? {
        var words = line.split(separator: " ")[...]
        while let word = words.first, word.hasPrefix("@") || modifiers.contains(word) { words.removeFirst() }
        guard let word = words.first else { return nil }
        if word == "func" { return words.dropFirst().first.map { String($0.prefix { $0 != "(" && $0 != "<" }) } }
        for keyword in ["init", "deinit", "subscript"] where word.hasPrefix(keyword) {
            guard let next = word.dropFirst(keyword.count).first else { return keyword == "deinit" ? keyword : nil }
            return "(?<{".contains(next) ? keyword : nil
        }
        return nil
    }

    /// The line of the brace that closes the body; `nil` when there is no body, as in a protocol.
    private static func end(of code: [String], from start: Int) -> Int? {
        var (parentheses, braces) = (0, 0)
        for line in start..<code.count {
            if line > start, parentheses == 0, braces == 0, beginsAnother(code[line]) { return nil }
            for character in code[line] {
                switch character {
                case "(", "[": parentheses += 1
                case ")", "]": parentheses -= 1
                case "{": if parentheses == 0 || braces > 0 { braces += 1 }
                case "}":
                    if braces == 0 && parentheses == 0 { return nil }
                    if braces > 0 { braces -= 1 }
                    if braces == 0 && parentheses <= 0 { return line }
                default: break
                }
            }
        }
        return nil
    }

    /// Whether a declaration begins here, or a scope ends, so that what stood before it had no body.
    private static func beginsAnother(_ line: String) -> Bool {
        let text = line.drop { $0 == " " }
        if text.isEmpty || text.hasPrefix("}") || text.hasPrefix("@") { return true }
        let keywords = [
            "func", "var", "let", "init", "case", "struct", "class", "enum", "static", "mutating", "associatedtype", "typealias",
            "subscript",
        ]
        return keywords.contains { text.hasPrefix($0 + " ") || text.hasPrefix($0 + "(") } || text.hasPrefix("package ")
            || text.hasPrefix("public ") || text.hasPrefix("nonisolated ")
    }
}
