import Contracts
import Foundation
import HTTPTypes
import Testing

@testable import BFF

@Suite("openapi.json") struct DocumentTests {
    private struct Document: Decodable {
        struct Operation: Decodable {
            struct Requirement: Decodable {}
            let operationId: String
            let security: [Requirement]?
            let responses: [String: Response]
        }
        struct Response: Decodable {}
        let openapi: String
        let paths: [String: [String: Operation]]
    }

    private func document() async throws -> Document {
        let answer = try await TestAPI().send(.get, "/openapi.json", as: nil)
        #expect(answer.status == 200)
        return try JSONDecoder().decode(Document.self, from: answer.body)
    }

    @Test("documents exactly the routes of the API")
    func routes() async throws {
        let document = try await document()
        let documented = Set(document.paths.flatMap { path, operations in operations.keys.map { "\($0.uppercased()) \(path)" } })
        let served = Set(BFF.all.map { "\($0.method.rawValue) \($0.path)" })
        #expect(documented == served)
        #expect(document.openapi.hasPrefix("3.1"))
    }

    @Test("marks the operations that need no token")
    func security() async throws {
        let document = try await document()
        for endpoint in BFF.all {
            let operation = document.paths[endpoint.path]?[endpoint.method.rawValue.lowercased()]
            let isOpen = if case .anonymous = endpoint.access { true } else { false }
            #expect((operation?.security?.isEmpty == true) == isOpen, "\(endpoint.path)")
        }
    }

    @Test("a client that has the document gets 304")
    func etag() async throws {
        let api = TestAPI()
        let etag = try #require(try await api.send(.get, "/openapi.json", as: nil).headers[.eTag])
        for tag in [etag, "W/\(etag)", "\"other\", \(etag)", "*"] {
            let again = try await api.send(.get, "/openapi.json", as: nil, headers: [.ifNoneMatch: tag])
            #expect(again.status == 304)
            #expect(again.body.isEmpty)
        }
        #expect(try await api.send(.get, "/openapi.json", as: nil, headers: [.ifNoneMatch: "\"other\""]).status == 200)
    }
}
