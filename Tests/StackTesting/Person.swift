import Foundation
import TestSupport

/// Somebody with an account, logged in.
package struct Person: Sendable {
    package static let password = "correct horse battery"
    package var api = API()
    package let id: String
    package let username: String
    package let accessToken: String
    package let refreshToken: String

    /// Registers somebody new and logs them in.
    package static func new(_ prefix: String = "user", api: API = API()) async throws -> Person {
        let username = String(TestStack.uniqueName(prefix).prefix(32))
        let registration: [String: Any] = ["username": username, "password": password, "displayName": "The \(username)"]
        let registered = try await api.send("POST", "/v1/users", registration)
        try registered.must(201)
        return try await logIn(username, api: api)
    }

    package static func logIn(_ username: String, password: String = password, api: API = API()) async throws -> Person {
        let session = try await api.send("POST", "/v1/sessions", ["username": username, "password": password, "device": "test"])
        try session.must(201)
        let user = session.json["user"] as? [String: Any]
        return Person(
            api: api, id: user?["id"] as? String ?? "", username: username, accessToken: session.text("accessToken"),
            refreshToken: session.text("refreshToken"))
    }

    /// Somebody new with the role admin, on the stack of the tests.
    package static func admin(_ prefix: String = "admin") async throws -> Person {
        let person = try await new(prefix)
        try await command("users", "make-admin", person.username)
        return try await logIn(person.username)
    }

    /// Runs a command of a service, on the stack of the tests.
    @discardableResult
    package static func command(_ arguments: String...) async throws -> String {
        let stack = [TestStack.value("STACK_DIRECTORY"), "service"]
        return try await Subprocess.run(TestStack.value("STACK_SCRIPT"), stack + arguments)
    }

    package func get(_ path: String, headers: [String: String] = [:]) async throws -> API.Answer {
        try await api.send("GET", path, token: accessToken, headers: headers)
    }

    package func send(_ method: String, _ path: String, _ json: [String: Any]? = nil, headers: [String: String] = [:])
        async throws
        -> API.Answer
    {
        try await api.send(method, path, json, token: accessToken, headers: headers)
    }

    /// The id of the direct chat with `other`.
    package func chat(with other: Person) async throws -> String {
        let answer = try await send("POST", "/v1/chats", ["kind": "direct", "members": [other.id]])
        try answer.must(200, 201)
        return answer.text("id")
    }

    /// The id of a new group with `others`.
    package func group(_ title: String, with others: [Person]) async throws -> String {
        let answer = try await send("POST", "/v1/chats", ["kind": "group", "title": title, "members": others.map(\.id)])
        try answer.must(201)
        return answer.text("id")
    }

    package func say(_ text: String, in chat: String, key: String = UUID().uuidString) async throws -> API.Answer {
        try await send("POST", "/v1/chats/\(chat)/messages", ["clientMessageId": key, "text": text])
    }
}
