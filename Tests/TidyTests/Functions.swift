/// Finds functions, their signatures and their bodies in code without comments and strings.
struct Functions {
    struct Function: Equatable {
        let name: String
        /// The line of `func`, `init`, `deinit` or `subscript`, counted from 0.
        let start: Int
        /// The number of lines from `start` to the line of the closing brace.
        let lines: Int
        /// The parameters as written, attributes and default values included.
        let parameters: [String]
        /// The text between the braces, without surrounding spaces.
        let body: String
    }

    /// The functions of `code` that have a body, in the order of their first lines.
    static func all(in code: [String]) -> [Function] {
        code.indices.compactMap { start in
            guard let name = name(in: code[start]), let end = end(of: code, from: start) else { return nil }
            let text = code[start...end].joined(separator: "\n")
            let (parameters, body) = Signature.split(text)
            return Function(name: name, start: start, lines: end - start + 1, parameters: parameters, body: body)
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
            if line > start, parentheses == 0, braces == 0, startsDeclaration(code[line]) { return nil }
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

    /// Whether `line` starts another declaration or ends a scope, so that the function before it has no body.
    private static func startsDeclaration(_ line: String) -> Bool {
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

/// Splits a function's text into its parameters and its body.
private enum Signature {
    static func split(_ text: String) -> (parameters: [String], body: String) {
        let characters = Array(text)
        guard let open = characters.firstIndex(of: "("), let close = closing(characters, from: open) else {
            return ([], body(of: characters, after: 0))
        }
        return (items(characters[(open + 1)..<close]), body(of: characters, after: close + 1))
    }

    /// The index of the bracket that closes the one at `open`.
    static func closing(_ characters: [Character], from open: Int) -> Int? {
        var depth = 0
        for index in open..<characters.count {
            if "([{".contains(characters[index]) { depth += 1 }
            if ")]}".contains(characters[index]) { depth -= 1 }
            if depth == 0 { return index }
        }
        return nil
    }

    /// The parts of `list` between commas that stand in no bracket.
    private static func items(_ list: ArraySlice<Character>) -> [String] {
        var items: [String] = [""]
        var depth = 0
        for character in list {
            if "([{<".contains(character) { depth += 1 }
            if ")]}".contains(character) || (character == ">" && items[items.count - 1].last != "-") { depth -= 1 }
            if character == ",", depth == 0 { items.append("") } else { items[items.count - 1].append(character) }
        }
        return items.map(trimmed).filter { !$0.isEmpty }
    }

    private static func body(of characters: [Character], after start: Int) -> String {
        guard let open = characters[start...].firstIndex(of: "{"), let close = closing(characters, from: open) else { return "" }
        return trimmed(String(characters[(open + 1)..<close]))
    }

    private static func trimmed(_ text: String) -> String {
        let kept = text.drop(while: \.isWhitespace)
        return String(kept.prefix(kept.count - kept.reversed().prefix(while: \.isWhitespace).count))
    }
}

extension Functions.Function {
    /// Whether the body is one assignment of a tuple to a tuple: `(a, b) = (x, y)`.
    var assignsOneTuple: Bool {
        let characters = Array(body)
        guard characters.first == "(", let left = Signature.closing(characters, from: 0) else { return false }
        let rest = characters[(left + 1)...].drop { $0.isWhitespace }
        guard rest.first == "=", let right = rest.dropFirst().firstIndex(where: { !$0.isWhitespace }) else { return false }
        return characters[right] == "(" && Signature.closing(characters, from: right) == characters.count - 1
    }

    /// The parameters that a caller passes without a label.
    var unlabelled: [String] { parameters.filter { $0.hasPrefix("_ ") } }
}
