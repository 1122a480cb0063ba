import BusTesting
import Contracts
import Edge
import Foundation
import HTTPTypes
import ServiceKit
import Testing

@testable import BFF

@Suite("Problems") struct ProblemTests {
    @Test("an unknown path is 404, as a problem with the request id")
    func notFound() async throws {
        let answer = try await TestAPI().send(.get, "/v2/nothing", headers: [.requestID: "my-request.1"])
        #expect(answer.status == 404)
        #expect(answer.headers[.contentType] == "application/problem+json")
        #expect(answer.headers[.requestID] == "my-request.1")
        #expect(answer.json["requestId"] as? String == "my-request.1")
        #expect(answer.code == "notFound")
        #expect(answer.json["status"] as? Int == 404)
    }

    @Test(
        "a request id with other than plain characters is replaced",
        arguments: ["", "a b", "a\u{e9}", String(repeating: "x", count: 65)])
    func requestID(given: String) async throws {
        let answer = try await TestAPI().send(.get, "/v2/nothing", headers: [.requestID: given])
        #expect(answer.headers[.requestID]?.count == 16)
    }

    @Test(
        "a known path with another method is 405, with Allow",
        arguments: [HTTPRequest.Method.delete, .options, .trace, .patch])
    func methodNotAllowed(method: HTTPRequest.Method) async throws {
        let answer = try await TestAPI().send(method, "/v1/chats", as: nil)
        #expect(answer.status == 405)
        #expect(answer.headers[.allow] == "GET, HEAD, POST")
        #expect(answer.code == "methodNotAllowed")
    }

    @Test("every operation that is not anonymous rejects a request without a valid token first")
    func unauthorized() async throws {
        let api = TestAPI()
        var open = 0
        for endpoint in BFF.all {
            if case .anonymous = endpoint.access {
                open += 1
                continue
            }
            let path = endpoint.path.replacing(/\{[a-zA-Z]+\}/, with: "1")
            for name in [nil, "mallory"] {
                let answer = try await api.send(endpoint.method, path, body: "{", as: name)
                #expect(answer.status == 401, "\(endpoint.method) \(path)")
                #expect(answer.headers[.wwwAuthenticate] == "Bearer")
            }
        }
        #expect(open == 5)
        #expect(api.bus.asked(GetAccount.self).isEmpty)
    }

    @Test(
        "each service error has its status",
        arguments: [
            (ServiceError.Code.invalid, 422), (.unauthenticated, 401), (.denied, 403), (.notFound, 404), (.conflict, 409),
            (.stale, 412),
            (.unavailable, 503), (.deadlineExceeded, 504), (.unknownOutcome, 503), (.unimplemented, 503), (.internal, 500),
            (ServiceError.Code(rawValue: "madeUpLater"), 500),
        ])
    func statuses(code: ServiceError.Code, status: Int) async throws {
        let api = TestAPI()
        api.bus.answer(GetAccount.self) { _ in throw ServiceError(code, "detail of it", retryAfterMilliseconds: 2_500) }
        let answer = try await api.send(.get, "/v1/me")
        #expect(answer.status == status)
        #expect(answer.code == code.rawValue)
        #expect((answer.json["detail"] as? String == "detail of it") == (status != 500))
        #expect((answer.headers[.retryAfter] == "3") == (status == 503))
    }

    @Test("an unexpected error reveals nothing to the client")
    func unexpected() async throws {
        struct Secret: Error { let password = "hunter2" }
        let api = TestAPI()
        api.bus.answer(GetAccount.self) { _ in throw Secret() }
        let answer = try await api.send(.get, "/v1/me")
        #expect(answer.status == 500)
        #expect(!String(decoding: answer.body, as: UTF8.self).contains("hunter2"))
    }

    @Test("at capacity a request is rejected at once, with Retry-After")
    func shedding() async throws {
        let api = TestAPI(admission: Admission("test", limit: 1, queue: 0, wait: .seconds(1)))
        let (arrived, arrive) = AsyncStream.makeStream(of: Void.self)
        let (released, release) = AsyncStream.makeStream(of: Void.self)
        api.bus.answer(GetAccount.self) { _ in
            arrive.yield()
            for await _ in released { break }
            throw ServiceError(.notFound, "gone")
        }
        async let first = api.send(.get, "/v1/me")
        for await _ in arrived { break }
        let second = try await api.send(.get, "/v1/me")
        release.yield()
        #expect(second.status == 503)
        #expect(second.headers[.retryAfter] != nil)
        #expect(try await first.status == 404)
    }
}
