import Testing

@Suite("Reading Swift as text") struct ScannerTests {
    @Test(
        "comments and the insides of strings are no code; lines keep their numbers",
        arguments: [
            ("let a = 1 // print(1)", ["let a = 1 "]), ("a /* x \n /* y */ z */ b", ["a ", " b"]),
            (#"f("print(\"x\")") // no"#, [#"f("") "#]),
            (##"f(#"a " b"#)"##, [#"f("")"#]), ("f(\"\"\"\n  SELECT \"x\"\n  \"\"\")\ng()", ["f(\"", "", "\")", "g()"]),
            (#"f("\(g("}")) {")"#, [#"f("")"#]), (##"f(#"\(x) \#(y)"#)"##, [#"f("")"#]), ("", [""]),
        ])
    func code(text: String, code: [String]) {
        #expect(SourceText(text).code == code)
    }

    @Test("strings are found with the line on which they begin, interpolations left out")
    func strings() {
        let source = SourceText("a(\"one\")\nb(\"\"\"\n    two \\(three(\"inner\"))\n    \"\"\")")
        #expect(source.strings.map(\.text) == ["one", "inner", "\n    two  \n    "])
        #expect(source.strings.map(\.line) == [0, 2, 1])
    }

    @Test("a comment explains its own line and the one below")
    func explained() {
        let source = SourceText("// why\ntry! a()\ntry! b()\ntry! c()  // why\n\"http://x\"\n/* why\n*/\nd()")
        #expect((0..<8).map { source.isExplained(line: $0) } == [true, true, false, true, false, true, true, true])
    }

    @Test("functions are measured, with their closures; requirements without a body are not")
    func functions() {
        let code = """
            protocol P {
                func none()
                func neither(
                    _ a: Int
                ) async throws -> Int
            }
            struct S {
                package init(a: Int) { self.a = a }
                @discardableResult
                private static func f<T>(_ body: () -> Void = { () }, other: T)
                    rethrows -> [Int]
                where T: P {
                    body { x in
                        x
                    }
                }
                deinit {
                }
                subscript(i: Int) -> Int { i }
                let initial = 1
                func operatorLike() {}
            }
            """
        let found = Functions.all(in: SourceText(code).code)
        #expect(found.map(\.name) == ["init", "f", "deinit", "subscript", "operatorLike"])
        #expect(found.map(\.lines) == [1, 7, 2, 1, 1])
        #expect(found.map(\.start) == [7, 9, 16, 18, 20])
    }
}
