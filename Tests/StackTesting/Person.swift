import Foundation
import TestSupport

/// A registered user who is logged in.
package struct Person: Sendable {
    package static let password = "correct horse battery"
    package var api = API()
    package let id: String
    package let username: String
    package let accessToken: String
    package let refreshToken: String

    /// Registers a new user and logs in.
    package static func new(_ prefix: String = "user", api: API = API()) async throws -> Person {
        let username = String(TestStack.uniqueName(prefix).prefix(32))
        let registration: [String: Any] = ["username": username, "password": password, "displayName": "The \(username)"]
        let registered = try await api.send("POST", "/v1/users", json: registration)
        try registered.expectStatus(201)
        return try await logIn(username, api: api)
    }

    package static func logIn(_ username: String, password: String = password, api: API = API()) async throws -> Person {
        let session = try await api.send(
            "POST", "/v1/sessions", json: ["username": username, "password": password, "device": "test"])
        try session.expectStatus(201)
        let user = session.json["user"] as? [String: Any]
        return Person(
            api: api, id: user?["id"] as? String ?? "", username: username, accessToken: session.text("accessToken"),
            refreshToken: session.text("refreshToken"))
    }

    /// Registers a new user with the role admin, on the test stack.
    package static func admin(_ prefix: String = "admin") async throws -> Person {
        let person = try await new(prefix)
        try await command("users", "make-admin", person.username)
        return try await logIn(person.username)
    }

    /// Runs a command of a service on the test stack.
    @discardableResult
    package static func command(_ arguments: String...) async throws -> String {
        let stack = [TestStack.value("STACK_DIRECTORY"), "service"]
        return try await Subprocess.run(TestStack.value("STACK_SCRIPT"), stack + arguments)
    }

    package func get(_ path: String, headers: [String: String] = [:]) async throws -> API.Response {
        try await api.send("GET", path, token: accessToken, headers: headers)
    }

    package func send(_ method: String, _ path: String, json: [String: Any]? = nil, headers: [String: String] = [:])
        async throws
        -> API.Response
    {
        try await api.send(method, path, json: json, token: accessToken, headers: headers)
    }

    /// Opens the direct chat with `other` and returns its id.
    package func chat(with other: Person) async throws -> String {
        let answer = try await send("POST", "/v1/chats", json: ["kind": "direct", "members": [other.id]])
        try answer.expectStatus(200, 201)
        return answer.text("id")
    }

    /// Creates a group with `others` and returns its id.
    package func group(_ title: String, with others: [Person]) async throws -> String {
        let answer = try await send("POST", "/v1/chats", json: ["kind": "group", "title": title, "members": others.map(\.id)])
        try answer.expectStatus(201)
        return answer.text("id")
    }

    package func sendMessage(_ text: String, in chat: String, key: String = UUID().uuidString) async throws -> API.Response {
        try await send("POST", "/v1/chats/\(chat)/messages", json: ["clientMessageId": key, "text": text])
    }
}
