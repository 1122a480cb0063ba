/// An import of one file.
struct Import: Sendable, Equatable {
    /// Counted from 0.
    let line: Int
    let module: String

    private static let kinds: Set<Substring> = [
        "struct", "class", "enum", "protocol", "func", "var", "let", "typealias", "actor",
    ]

    static func all(in source: SourceText) -> [Import] {
        source.code.enumerated().compactMap { line, code in
            let words = code.split(separator: " ")
            guard let place = words.firstIndex(of: "import"), words[..<place].allSatisfy(isPrefix) else { return nil }
            guard let name = words[(place + 1)...].first(where: { !kinds.contains($0) }) else { return nil }
            return Import(line: line, module: String(name.prefix { $0.isLetter || $0.isNumber || $0 == "_" }))
        }
    }

    private static func isPrefix(_ word: Substring) -> Bool {
        word.hasPrefix("@") || ["public", "package", "internal", "private", "fileprivate"].contains(word)
    }
}
