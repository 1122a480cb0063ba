import Testing

@Suite("House rules about single lines") struct HabitTests {
    /// The folders in which the compiler's checks may be switched off: the wrappers of C libraries.
    private static let borders = [
        "Shared/AMQP/", "Shared/Postgres/", "Shared/Redis/", "Shared/Reactor/", "Services/users/Credentials/",
    ]

    @Test("unchecked code stands in a wrapper of a C library, below a comment that proves it safe")
    func unchecked() {
        let patterns: [(String, Regex<Substring>)] = [
            ("@unchecked Sendable", /@unchecked Sendable/), ("nonisolated(unsafe)", /nonisolated\(unsafe\)/), ("try!", /\btry!/),
            ("fatalError", /\bfatalError\(/),
        ]
        let violations = Repository.shipped.flatMap { file in
            patterns.flatMap { file.find($0.0, $0.1, says: $0.0) }.filter { violation in
                !file.source.isExplained(line: violation.line) || !Self.borders.contains { file.path.hasPrefix($0) }
            }
        }
        #expect(violations == [])
    }

    @Test("a trap names the invariant that it guards, in its message or in a comment above")
    func traps() {
        let violations = Repository.shipped.flatMap { file in
            file.find("preconditionFailure()", /\bpreconditionFailure\(\)/, says: "a trap without a reason")
                .filter { !file.source.isExplained(line: $0.line) }
        }
        #expect(violations == [])
    }

    @Test("only a main prints")
    func prints() {
        let violations = Repository.shipped.filter { !$0.name.hasSuffix("Main.swift") && $0.name != "main.swift" }.flatMap {
            file in
            ["print", "debugPrint", "dump"].flatMap { word in
                file.find("\(word)(", /(?:^|[^.\w])(?:print|debugPrint|dump)\(/, says: "prints")
            }
        }
        #expect(violations == [])
    }

    @Test("no work is marked as left for later")
    func later() {
        // Put together here, so that this file may be looked at too.
        let words = ["TO" + "DO", "FIX" + "ME", "XX" + "X:", "HA" + "CK:"]
        #expect(Repository.swift.filter { file in words.contains(where: file.mentions) }.map(\.path) == [])
    }

    @Test("SQL stands only in stores, migrations, the Postgres module, and the outbox and inbox of the bus")
    func sql() {
        let places = [
            /Services\/[^\/]+\/(?:Storage|Migrations)\/.*/, /Shared\/Postgres\/.*/,
            /Shared\/Bus\/(?:.*\/)?(?:Outbox|Inbox)[^\/]*(?:\/.*|\.swift)/,
        ]
        let violations = Repository.shipped.filter { file in !places.contains { file.path.wholeMatch(of: $0) != nil } }
            .flatMap { file in
                file.source.strings.filter { Self.isSQL($0.text) }
                    .map { Violation(path: file.path, line: $0.line, what: "SQL outside a store: \($0.text.prefix(60))") }
            }
        #expect(violations == [])
    }

    @Test(
        "SQL is distinguished from prose",
        arguments: [
            ("SELECT seq\nFROM messages", true), ("INSERT INTO a VALUES (1)", true), ("UPDATE chats SET seq = 1", true),
            ("DELETE FROM outbox", true), ("CREATE TABLE a (b int)", true), ("CREATE UNIQUE INDEX a ON b (c)", true),
            ("select one from the list", false), ("SELECT", false), ("the DELETE method", false), ("UPDATE", false),
        ])
    func sqlAndProse(text: String, isSQL: Bool) {
        #expect(Self.isSQL(text) == isSQL)
    }

    private static func isSQL(_ text: String) -> Bool {
        let verbs = ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER"]
        let words = text.split(whereSeparator: \.isWhitespace)
        return words.indices.contains { index in
            guard verbs.contains(String(words[index])), index + 1 < words.count else { return false }
            let rest = words[(index + 1)...]
            return switch words[index] {
            case "SELECT": rest.contains("FROM")
            case "INSERT": rest.first == "INTO"
            case "DELETE": rest.first == "FROM"
            case "UPDATE": rest.dropFirst().first == "SET"
            default: ["TABLE", "INDEX", "UNIQUE"].contains(rest.first)
            }
        }
    }

    @Test("tests wait for events and do not sleep")
    func sleeps() {
        let own = ["Tests/TestSupport/", "Tests/TidyTests/"]
        let violations = Repository.tests.filter { file in !own.contains { file.path.hasPrefix($0) } }.flatMap {
            $0.find(
                "sleep", /\bTask\.sleep\(|\bThread\.sleep\(|\bu?sleep\(\d|\bnanosleep\(/,
                says: "sleeps; TestSupport has eventually, untilCancelled and ManualClock")
        }
        #expect(violations == [])
    }

    @Test("only Contracts, which other packages import, declares public symbols")
    func access() {
        let violations = Repository.shipped.filter { $0.target != "Shared/Contracts" }.flatMap { file in
            ["public", "open"].flatMap { word in
                file.find(
                    "\(word) ", /^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:public|open)\s+(?!import)/, says: "public outside Contracts")
            }
        }
        #expect(violations == [])
    }

    @Test("the rules have something to look at")
    func somethingThere() {
        #expect(Repository.shipped.count > 50)
        #expect(Repository.tests.count > 20)
    }
}
