import Testing

@Suite("The shape of declarations") struct ShapeTests {
    @Test("an initialiser assigns its properties line by line, not by one tuple")
    func initialisers() {
        let violations = Repository.swift.flatMap { file in
            file.functions.filter { $0.name == "init" && $0.assignsOneTuple }
                .map { Violation(path: file.path, line: $0.start, what: "an initialiser that is one tuple assignment") }
        }
        #expect(violations == [])
    }

    @Test("a function has at most two parameters without a label")
    func labels() {
        let violations = Repository.swift.flatMap { file in
            file.functions.filter { $0.unlabelled.count > 2 }
                .map {
                    Violation(
                        path: file.path, line: $0.start, what: "\($0.name) has \($0.unlabelled.count) unlabelled parameters")
                }
        }
        #expect(violations == [])
    }

    @Test(
        "tuple initialisers are recognised",
        arguments: [
            ("init(a: Int, b: Int) { (self.a, self.b) = (a, b) }", true),
            ("init(_ a: Int,\n  b: [Int]) {\n    (self.a, self.b) = (\n f(a, 1), b.map { $0 })\n}", true),
            ("init(a: Int) { self.a = a }", false),
            ("init(a: Int) { (self.a, b) = (a, 1)\n c = 2 }", false),
            ("init(a: Int) { let (x, y) = (a, 1)\n self.x = x + y }", false),
            ("init(a: Int) { (self.a, self.b) = f(a) }", false),
        ])
    func tupleInitialiser(text: String, isTuple: Bool) throws {
        let function = try #require(Functions.all(in: SourceText(text).code).first)
        #expect(function.assignsOneTuple == isTuple)
    }

    @Test("unlabelled parameters are counted, closures and generics left aside")
    func unlabelled() throws {
        let text = "func f<A, B>(_ a: [A: B], with b: (Int, _ c: Int) -> Void = { _, _ in }, _ c: @escaping () -> Void) {}"
        let function = try #require(Functions.all(in: SourceText(text).code).first)
        #expect(function.parameters.count == 3)
        #expect(function.unlabelled.count == 2)
    }
}
