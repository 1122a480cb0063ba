import Foundation

/// The repository that these tests belong to, as text.
enum Repository {
    struct File: Sendable, CustomStringConvertible {
        /// From the root: `Shared/Bus/Bus.swift`.
        let path: String
        let text: String
        let source: SourceText
        let imports: [Import]

        init(path: String, text: String) {
            (self.path, self.text) = (path, text)
            source = SourceText(text)
            imports = Import.all(in: source)
        }

        /// Targets are folders two deep: `Shared/Bus`, `Services/chats`, `Tests/BusTests`.
        var target: String { path.split(separator: "/").prefix(2).joined(separator: "/") }
        var name: Substring { path.split(separator: "/").last ?? "" }
        var description: String { path }
    }

    /// Every Swift file of ours.
    static let swift: [File] = paths(in: ["Services", "Shared", "Tests", "Benchmarks"]).filter { $0.hasSuffix(".swift") }
        .compactMap(read)
    /// What is shipped: Swift outside the tests and the benchmarks.
    static let shipped = swift.filter { $0.path.hasPrefix("Services/") || $0.path.hasPrefix("Shared/") }
    static let tests = swift.filter { $0.path.hasPrefix("Tests/") }

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

/// A place where a house rule is broken.
struct Violation: CustomStringConvertible, Equatable {
    let path: String
    /// From 0.
    let line: Int
    let what: String
    var description: String { "\(path):\(line + 1): \(what)" }
}

extension Repository.File {
    /// Whether `word` stands anywhere, in code, strings or comments. Quick: it spares most files a closer look.
    func mentions(_ word: String) -> Bool {
        text.withCString { text in word.withCString { strstr(text, $0) != nil } }
    }

    /// Where `pattern`, which has `word` in it, stands in the code, strings and comments left aside.
    func find(_ word: String, _ pattern: some RegexComponent, _ what: String) -> [Violation] {
        if !mentions(word) { return [] }
        return source.code.enumerated().compactMap { line, code in
            code.firstMatch(of: pattern) == nil ? nil : Violation(path: path, line: line, what: what)
        }
    }

    func violation(of found: Import, _ what: String) -> Violation { Violation(path: path, line: found.line, what: what) }
}
