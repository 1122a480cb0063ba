import Testing

@Suite("A ratchet on size") struct SizeTests {
    private static let fileLimit = 400
    private static let functionLimit = 45
    /// A file below this length usually belongs to its neighbour.
    private static let smallFileLines = 30
    /// The present number of smaller files. It may only fall.
    private static let smallFileLimit = 36

    /// Longer files, with their present number of lines. An entry may shrink; a new one needs a reason beside
    /// it.
    private static let longFiles: [String: Int] = [:]
    /// Longer functions, by `path function`, under the same rule.
    private static let longFunctions: [String: Int] = [:]

    @Test("no file has more than 400 lines")
    func files() {
        let sizes = Repository.swift.map { ($0.path, $0.source.count) }.filter { $0.1 > Self.fileLimit }
        #expect(Self.violations(sizes, exceptions: Self.longFiles) == [])
    }

    @Test("no function has more than 45 lines")
    func functions() {
        let sizes = Repository.swift.flatMap { file in
            file.functions.map { ("\(file.path) \($0.name)", $0.lines) }
        }.filter { $0.1 > Self.functionLimit }
        #expect(Self.violations(sizes, exceptions: Self.longFunctions) == [])
    }

    @Test("the number of files with fewer than 30 lines does not grow")
    func smallFiles() {
        let small = Repository.swift.filter { $0.source.count < Self.smallFileLines }.map(\.path)
        #expect(small.count <= Self.smallFileLimit, "merge some with their neighbours: \(small)")
    }

    /// The items that exceed their limit, and the exceptions that are now shorter than listed.
    private static func violations(_ sizes: [(name: String, size: Int)], exceptions: [String: Int]) -> [String] {
        var largest: [String: Int] = [:]
        for (name, size) in sizes { largest[name] = max(size, largest[name] ?? 0) }
        let grown = largest.filter { $0.value > exceptions[$0.key] ?? 0 }.map { "\($0.key) has \($0.value) lines" }
        let shrunk = exceptions.filter { largest[$0.key] ?? 0 < $0.value }.map {
            "\($0.key) has only \(largest[$0.key] ?? 0) lines now: lower its entry"
        }
        return (grown + shrunk).sorted()
    }

    @Test("the ratchet turns one way: it refuses longer items, and exceptions that are out of date")
    func ratchet() {
        #expect(Self.violations([("a", 70), ("b", 90)], exceptions: ["b": 90]) == ["a has 70 lines"])
        #expect(Self.violations([("b", 91)], exceptions: ["b": 90]) == ["b has 91 lines"])
        #expect(Self.violations([("b", 89)], exceptions: ["b": 90]) == ["b has only 89 lines now: lower its entry"])
        #expect(Self.violations([], exceptions: ["b": 90]).count == 1)
    }
}
