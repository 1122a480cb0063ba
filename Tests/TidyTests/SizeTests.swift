import Testing

@Suite("A ratchet on size") struct SizeTests {
    private static let fileLimit = 400
    private static let functionLimit = 60

    /// Files that are longer, with their present number of lines. They may shrink, and nothing may be added here without a reason beside it.
    private static let longFiles: [String: Int] = [:]
    /// Functions that are longer, by `path function`, likewise.
    private static let longFunctions: [String: Int] = [:]

    @Test("no file has more than 400 lines")
    func files() {
        let sizes = Repository.swift.map { ($0.path, $0.source.count) }.filter { $0.1 > Self.fileLimit }
        #expect(Self.complaints(sizes, exceptions: Self.longFiles) == [])
    }

    @Test("no function has more than 60 lines")
    func functions() {
        let sizes = Repository.swift.flatMap { file in
            Functions.of(file.source.code).map { ("\(file.path) \($0.name)", $0.lines) }
        }.filter { $0.1 > Self.functionLimit }
        #expect(Self.complaints(sizes, exceptions: Self.longFunctions) == [])
    }

    /// What is too long and not excepted, or longer than excepted, or excepted and by now shorter than the list says.
    private static func complaints(_ sizes: [(name: String, size: Int)], exceptions: [String: Int]) -> [String] {
        var largest: [String: Int] = [:]
        for (name, size) in sizes { largest[name] = max(size, largest[name] ?? 0) }
        let grown = largest.filter { $0.value > exceptions[$0.key] ?? 0 }.map { "\($0.key) has \($0.value) lines" }
        let shrunk = exceptions.filter { largest[$0.key] ?? 0 < $0.value }.map {
            "\($0.key) has only \(largest[$0.key] ?? 0) lines by now: say so in the list"
        }
        return (grown + shrunk).sorted()
    }

    @Test("the ratchet turns one way: longer than listed is refused, and so is a list that lags behind")
    func ratchet() {
        #expect(Self.complaints([("a", 70), ("b", 90)], exceptions: ["b": 90]) == ["a has 70 lines"])
        #expect(Self.complaints([("b", 91)], exceptions: ["b": 90]) == ["b has 91 lines"])
        #expect(Self.complaints([("b", 89)], exceptions: ["b": 90]) == ["b has only 89 lines by now: say so in the list"])
        #expect(Self.complaints([], exceptions: ["b": 90]).count == 1)
    }
}
