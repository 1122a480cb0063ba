import BusTesting
import Contracts
import HTTPTypes
import Testing

@testable import BFF

@Suite("Invalid input") struct BodyTests {
    @Test(
        "a body that is not a JSON object is 400",
        arguments: [
            "", "{", "[]", "\"text\"", "null", "{\"text\":}", "{} {}", String(repeating: "[", count: 30_000), "{\"a\":1e999}x",
        ])
    func malformed(body: String) async throws {
        let answer = try await TestAPI().send(.post, "/v1/sessions", body: body, as: nil)
        #expect(answer.status == 400)
        #expect(answer.code == "malformed")
    }

    @Test("invalid UTF-8 is 400")
    func encoding() async throws {
        let answer = try await TestAPI().send(
            .post, "/v1/sessions", bytes: Array("{\"username\":\"".utf8) + [0xC3, 0x28] + Array("\"}".utf8), as: nil)
        #expect(answer.status == 400)
    }

    @Test("one response names every field that is missing or of the wrong type")
    func fields() async throws {
        let answer = try await TestAPI().send(.post, "/v1/users", body: #"{"username":7,"displayName":null}"#, as: nil)
        #expect(answer.status == 422)
        #expect(answer.fields == ["username", "password", "displayName"])
    }

    @Test(
        "a value that is not a whole 64-bit number is an error of its field",
        arguments: ["1.5", "\"1\"", "1e30", "true", "null", "9223372036854775808"])
    func numbers(value: String) async throws {
        let answer = try await TestAPI().send(.put, "/v1/chats/5/read", body: "{\"seq\":\(value)}")
        #expect(answer.status == 422)
        #expect(answer.fields == ["seq"])
    }

    @Test("a body of more than 64 KiB is 413")
    func large() async throws {
        let api = TestAPI()
        let text = String(repeating: "x", count: RequestAssembly.maximumBody)
        let whole = try await api.send(.post, "/v1/sessions", body: "{\"username\":\"\(text)\"}", as: nil)
        #expect(whole.status == 413)
        #expect(whole.code == "tooLarge")
    }

    @Test("unknown fields are ignored")
    func unknownFields() async throws {
        let api = TestAPI()
        api.bus.answer(MarkRead.self) { request in MarkRead.Response(readSeq: request.seq, unread: 0) }
        let answer = try await api.send(.put, "/v1/chats/5/read", body: #"{"seq":3,"future":{"a":[1]}}"#)
        #expect(answer.status == 200)
        #expect(answer.json["readSeq"] as? Int == 3)
    }

    @Test("a path parameter that is not an id is 404", arguments: ["0", "-1", "abc", "9223372036854775808", "1%00", "01"])
    func ids(id: String) async throws {
        let answer = try await TestAPI().send(.get, "/v1/chats/\(id)")
        #expect(answer.status == 404)
    }

    @Test("the limit of a page is 1 to 100", arguments: ["0", "101", "-1", "ten", "1.5", ""])
    func limit(limit: String) async throws {
        let answer = try await TestAPI().send(.get, "/v1/chats?limit=\(limit)")
        #expect(answer.status == 422)
        #expect(answer.fields == ["limit"])
    }

    @Test("history accepts one valid position", arguments: ["before=1&after=2", "at=yesterday", "before=x"])
    func positions(query: String) async throws {
        let answer = try await TestAPI().send(.get, "/v1/chats/5/messages?\(query)")
        #expect(answer.status == 422)
        #expect(!answer.fields.isEmpty)
    }

    @Test("an error names the index of a member that is not an id")
    func members() async throws {
        let answer = try await TestAPI().send(.post, "/v1/chats", body: #"{"kind":"group","title":"t","members":["1","x"]}"#)
        #expect(answer.status == 422)
        #expect(answer.fields == ["members[1]"])
    }
}
