import Foundation

/// The text of the repository that these tests belong to.
enum Repository {
    struct File: Sendable, CustomStringConvertible {
        /// The path from the root: `Shared/Bus/Bus.swift`.
        let path: String
        let text: String
        let source: SourceText
        let imports: [Import]
        let functions: [Functions.Function]

        init(path: String, text: String) {
            self.path = path
            self.text = text
            source = SourceText(path.hasSuffix(".swift") ? text : "")
            imports = Import.all(in: source)
            functions = Functions.all(in: source.code)
        }

        /// Targets are folders two deep: `Shared/Bus`, `Services/chats`, `Tests/BusTests`.
        var target: String { path.split(separator: "/").prefix(2).joined(separator: "/") }
        var name: Substring { path.split(separator: "/").last ?? "" }
        var description: String { path }
    }

    /// Every Swift file of the project.
    static let swift: [File] = paths(in: ["Services", "Shared", "Tests", "Benchmarks"]).filter { $0.hasSuffix(".swift") }
        .compactMap(read)
    /// The Swift files outside the tests and the benchmarks.
    static let shipped = swift.filter { $0.path.hasPrefix("Services/") || $0.path.hasPrefix("Shared/") }
    static let tests = swift.filter { $0.path.hasPrefix("Tests/") }

    /// Every file that people read. Migrations stay as they were applied: their checksums are in databases.
    static let texts: [File] =
        swift
        + (paths(in: ["docs", "scripts", "Benchmarks", "Tests"]).filter { !$0.hasSuffix(".swift") }
        + paths(in: ["Services"]).filter { $0.hasSuffix(".json") } + [
            "README.md", "CONTRIBUTING.md", "Makefile", "Package.swift", ".ci/run",
        ])
        .filter { !$0.contains("__pycache__") }.compactMap(read)

    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func paths(in folders: [String]) -> [String] {
        folders.flatMap { folder -> [String] in
            let place = root.appending(path: folder).path()
            let names = FileManager.default.enumerator(atPath: place)?.compactMap { $0 as? String } ?? []
            return names.sorted().map { "\(folder)/\($0)" }
        }
    }

    static func read(_ path: String) -> File? {
        guard let text = try? String(contentsOf: root.appending(path: path), encoding: .utf8) else { return nil }
        return File(path: path, text: text)
    }
}

/// A line that breaks a house rule.
struct Violation: CustomStringConvertible, Equatable {
    let path: String
    /// Counted from 0.
    let line: Int
    let what: String
    var description: String { "\(path):\(line + 1): \(what)" }
}

extension Repository.File {
    var lines: [String] { text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) }

    /// The lines, counted from 0, in which `word` stands as a whole word, in upper or lower case.
    func lines(mentioning word: String) -> [Int] {
        let capitalised = word.prefix(1).uppercased() + word.dropFirst()
        guard mentions(word) || mentions(capitalised) else { return [] }
        return lines.enumerated().filter { Self.contains(word, in: $0.element.lowercased()) }.map(\.offset)
    }

    private static func contains(_ word: String, in line: String) -> Bool {
        line.ranges(of: word).contains { range in
            let before = range.lowerBound == line.startIndex ? " " : line[line.index(before: range.lowerBound)]
            let after = range.upperBound == line.endIndex ? " " : line[range.upperBound]
            return !before.isLetter && !after.isLetter
        }
    }

    /// Whether the text contains `word`, in code, strings or comments. A cheap test before a closer look.
    func mentions(_ word: String) -> Bool {
        text.withCString { text in word.withCString { strstr(text, $0) != nil } }
    }

    /// The lines of code that match `pattern`, which contains `word`; strings and comments are left aside.
    func find(_ word: String, _ pattern: some RegexComponent, says what: String) -> [Violation] {
        if !mentions(word) { return [] }
        return source.code.enumerated().compactMap { line, code in
            code.firstMatch(of: pattern) == nil ? nil : Violation(path: path, line: line, what: what)
        }
    }

    func violation(of found: Import, _ what: String) -> Violation { Violation(path: path, line: found.line, what: what) }
}
