import Testing

@Suite("Every contract has a permanent sample") struct SampleTests {
    @Test("every procedure has a JSON sample and a CBOR sample of each direction")
    func procedures() {
        let found = Self.contracts(of: "Procedure")
        #expect(found.count > 20)
        let coded = Self.text("Tests/BusTests/Golden/")
        for contract in found {
            #expect(Self.text("Tests/ContractsTests/").contains("\(contract.type).self"), "no JSON sample of \(contract.type)")
            for kind in ["request", "response"] {
                #expect(coded.contains("\(contract.name) \(kind)"), "no CBOR sample of \(contract.name)'s \(kind)")
            }
        }
    }

    @Test("every event has a JSON sample, its wire format")
    func events() {
        let found = Self.contracts(of: "Event")
        #expect(found.count > 10)
        for contract in found {
            #expect(Self.text("Tests/ContractsTests/").contains("\(contract.type).self"), "no sample of \(contract.type)")
        }
    }

    /// The types in Contracts that conform to `parent`, each with its wire name.
    private static func contracts(of parent: String) -> [(type: String, name: String)] {
        Repository.shipped.filter { $0.target == "Shared/Contracts" }.flatMap { file in
            let names = file.source.strings.filter { $0.text.wholeMatch(of: /[a-z]\w*(?:\.\w+)+\.v\d+/) != nil }
            return file.source.code.enumerated().compactMap { line, code -> (type: String, name: String)? in
                guard let declaration = code.firstMatch(of: /struct (\w+): (\w+)/), declaration.2 == parent else { return nil }
                let name = names.first { $0.line > line }?.text
                #expect(name != nil, "\(file): \(declaration.1) has no wire name")
                return (type: String(declaration.1), name: name ?? "")
            }
        }
    }

    private static func text(_ folder: String) -> String {
        Repository.tests.filter { $0.path.hasPrefix(folder) }.map(\.text).joined()
    }
}
