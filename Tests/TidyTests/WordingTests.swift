import Testing

/// The part of WRITING.md that a machine can check: the rest is for the reviewer.
@Suite("Wording") struct WordingTests {
    /// Words that hide the subject of a sentence. Put together here, so that this file may be checked too.
    private static let words: [String] = [
        "who" + "ever", "whom" + "ever", "no" + "body", "some" + "body", "every" + "body", "any" + "body", "some" + "one",
        "every" + "one", "any" + "one", "no " + "one", "those " + "who", "to" + "ld", "let " + "go", "lets " + "go",
        "goes " + "on",
        "a" + "new", "like" + "wise", "as " + "usual", "all the " + "same",
    ]
    private static let maximumColumns = 110
    private static let maximumWords = 80

    @Test("code, comments, docs and scripts name the subject of a sentence")
    func subjects() {
        let violations = Repository.texts.flatMap { file in
            Self.words.flatMap { word in
                file.lines(mentioning: word).map { Violation(path: file.path, line: $0, what: "says \"\(word)\"") }
            }
        }
        #expect(violations == [])
    }

    @Test("a comment line has at most 110 columns")
    func columns() {
        let violations = Repository.swift.flatMap { file in
            file.lines.enumerated().filter { Comment.isComment($0.element) && $0.element.count > Self.maximumColumns }
                .map { Violation(path: file.path, line: $0.offset, what: "a comment line of \($0.element.count) columns") }
        }
        #expect(violations == [])
    }

    @Test("a paragraph of the docs or of a comment has at most 80 words")
    func paragraphs() {
        let pages = Repository.texts.filter { $0.path.hasSuffix(".md") }.map { ($0, Paragraph.all(inMarkdown: $0.lines)) }
        let comments = Repository.swift.map { ($0, Paragraph.all(inMarkdown: $0.lines.map(Comment.text(of:)))) }
        let violations = (pages + comments).flatMap { file, paragraphs in
            paragraphs.filter { $0.words > Self.maximumWords }
                .map { Violation(path: file.path, line: $0.line, what: "a paragraph of \($0.words) words") }
        }
        #expect(violations == [])
    }

    @Test("the rules have something to look at")
    func somethingThere() {
        let kinds = Set(Repository.texts.map { $0.path.split(separator: ".").last ?? "" })
        for kind in ["swift", "md", "py", "sh", "yaml", "json"] { #expect(kinds.contains(Substring(kind)), "\(kind)") }
        #expect(Repository.texts.contains { $0.path == "Makefile" })
    }

    @Test("words are found whole, in any case")
    func whole() {
        let file = Repository.File(
            path: "a.md", text: "Some" + "body else\nsome" + "bodyless\nawe" + "some body\n(some" + "body)")
        #expect(file.lines(mentioning: "some" + "body") == [0, 3])
    }

    @Test("paragraphs end at blank lines, list items, headings, tables and fences")
    func markdown() {
        let page = """
            # A title of five words
            one two
            three

            - four five
              six
            - seven
            | eight | nine |
            ```sh
            ten eleven twelve
            ```
            thirteen
            """
        let found = Paragraph.all(inMarkdown: page.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
        #expect(found.map(\.words) == [3, 3, 1, 1])
        #expect(found.map(\.line) == [1, 4, 6, 11])
    }
}

/// A run of prose in Markdown.
struct Paragraph: Equatable {
    /// The first line, counted from 0.
    let line: Int
    private(set) var words: Int

    static func all(inMarkdown lines: [String]) -> [Paragraph] {
        var paragraphs: [Paragraph] = []
        var (isOpen, isFenced) = (false, false)
        for (number, line) in lines.enumerated() {
            let text = line.drop { $0 == " " }
            if text.hasPrefix("```") { isFenced.toggle() }
            if isFenced || text.isEmpty || text.hasPrefix("```") || text.hasPrefix("#") || text.hasPrefix("|") {
                isOpen = false
                continue
            }
            let count = text.split { $0.isWhitespace }.count { $0.contains { $0.isLetter || $0.isNumber } }
            if isOpen, !startsItem(text) {
                paragraphs[paragraphs.count - 1].words += count
            } else {
                paragraphs.append(Paragraph(line: number, words: count))
            }
            isOpen = true
        }
        return paragraphs
    }

    private static func startsItem(_ text: Substring) -> Bool {
        text.hasPrefix("- ") || text.hasPrefix("* ")
            || text.drop(while: \.isNumber).hasPrefix(". ") && text.first?.isNumber == true
    }
}

/// Lines of Swift that are comments and nothing else.
enum Comment {
    static func isComment(_ line: String) -> Bool { line.drop { $0 == " " }.hasPrefix("//") }

    /// The prose of a comment line; empty for any other line.
    static func text(of line: String) -> String {
        guard isComment(line) else { return "" }
        return String(line.drop { $0 == " " || $0 == "/" })
    }
}
