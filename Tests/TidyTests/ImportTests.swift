import Testing

@Suite("Imports run one way") struct ImportTests {
    /// The modules of the project that each shared module may import: the arrows of DESIGN.md.
    private static let allowed: [String: Set<String>] = [
        "Reactor": [],
        "Contracts": [],
        "CBOR": [],
        "AMQP": ["CRabbitMQ", "Reactor"],
        "Postgres": ["CPostgres", "Reactor"],
        "Redis": ["CRedis", "Reactor"],
        "Bus": ["AMQP", "CBOR", "Postgres", "Contracts", "Reactor"],
        "Realtime": ["AMQP", "Bus", "CBOR", "Contracts", "Reactor"],
        "Cache": ["Redis", "Contracts", "Reactor"],
        "Edge": ["Bus", "Contracts"],
        "ServiceKit": ["AMQP", "CBOR", "Postgres", "Redis", "Bus", "Cache", "Contracts", "Reactor"],
    ]

    /// The one folder that may import each C library.
    private static let wrappers = [
        "CRabbitMQ": "Shared/AMQP", "CPostgres": "Shared/Postgres", "CRedis": "Shared/Redis", "CSodium": "Services/users",
    ]

    private static let services = Set(
        Repository.shipped.filter { $0.path.hasPrefix("Services/") }.compactMap {
            $0.path.split(separator: "/").dropFirst().first?.lowercased()
        })

    @Test("a Domain folder imports only Contracts")
    func domains() {
        let violations = Repository.shipped.filter { $0.path.wholeMatch(of: /Services\/[^\/]+\/Domain\/.*/) != nil }
            .flatMap { file in
                file.imports.filter { $0.module != "Contracts" }.map {
                    file.violation(of: $0, "a Domain folder imports \($0.module)")
                }
            }
        #expect(violations == [])
    }

    @Test("a shared module imports only modules below it")
    func shared() {
        let ours = Set(Self.allowed.keys).union(Self.wrappers.keys)
        let violations = Repository.shipped.filter { $0.path.hasPrefix("Shared/") }.flatMap { file -> [Violation] in
            let module = String(file.target.dropFirst("Shared/".count))
            guard let allowed = Self.allowed[module] else {
                return [Violation(path: file.path, line: 0, what: "\(module) is not in the table of this test")]
            }
            return file.imports.filter { ours.contains($0.module) && !allowed.contains($0.module) }
                .map { file.violation(of: $0, "\(module) imports \($0.module)") }
        }
        #expect(violations == [])
    }

    /// The target that runs the rules of several services over a simulated bus.
    private static let simulation = "Tests/SimulationTests"

    @Test("only the tests of a service and the simulation import it")
    func ofServices() {
        let violations = Repository.swift.flatMap { file in
            file.imports.filter {
                Self.services.contains($0.module.lowercased()) && file.target != Self.simulation
                    && !file.target.lowercased().hasSuffix("/\($0.module.lowercased())tests")
            }
            .map { file.violation(of: $0, "imports the service \($0.module)") }
        }
        #expect(violations == [])
    }

    @Test("only the wrapper of a C library imports it")
    func ofLibraries() {
        let violations = Repository.swift.flatMap { file in
            file.imports.filter {
                (Self.wrappers[$0.module].map { $0 != file.target && "Tests/\($0.split(separator: "/")[1])Tests" != file.target })
                    ?? false
            }
            .map { file.violation(of: $0, "imports \($0.module), which belongs to \(Self.wrappers[$0.module] ?? "")") }
        }
        #expect(violations == [])
    }

    @Test("no test uses XCTest")
    func xcTest() {
        #expect(
            Repository.tests.flatMap { file in
                file.imports.filter { $0.module == "XCTest" }.map { file.violation(of: $0, "imports XCTest") }
            } == [])
    }

    @Test("imports are parsed in all their forms")
    func forms() {
        let text = """
            import Foundation
            @testable import ServiceKit
            public import struct Contracts.UserID
            @preconcurrency internal import class AMQP.Thing  // import Not
            let text = "import Neither"
            """
        let file = Repository.File(path: "Shared/X/Y.swift", text: text)
        #expect(file.imports.map(\.module) == ["Foundation", "ServiceKit", "Contracts", "AMQP"])
        #expect(file.imports.map(\.line) == [0, 1, 2, 3])
    }
}
