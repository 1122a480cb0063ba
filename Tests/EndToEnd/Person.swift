import Foundation
import TestSupport
import Testing

/// Somebody with an account, logged in.
struct Person: Sendable {
    static let password = "correct horse battery"
    var api = API()
    let id: String
    let username: String
    let accessToken: String
    let refreshToken: String

    /// Registers somebody new and logs them in.
    static func new(_ prefix: String = "user", api: API = API()) async throws -> Person {
        let username = String(TestStack.uniqueName(prefix).prefix(32))
        let registration: [String: Any] = ["username": username, "password": password, "displayName": "The \(username)"]
        let registered = try await api.send("POST", "/v1/users", registration)
        try #require(registered.status == 201, "\(String(decoding: registered.body, as: UTF8.self))")
        return try await logIn(username, api: api)
    }

    static func logIn(_ username: String, password: String = password, api: API = API()) async throws -> Person {
        let session = try await api.send("POST", "/v1/sessions", ["username": username, "password": password, "device": "test"])
        try #require(session.status == 201, "\(String(decoding: session.body, as: UTF8.self))")
        let user = try #require(session.json["user"] as? [String: Any])
        return Person(
            api: api, id: try #require(user["id"] as? String), username: username, accessToken: session.text("accessToken"),
            refreshToken: session.text("refreshToken"))
    }

    func get(_ path: String, headers: [String: String] = [:]) async throws -> API.Answer {
        try await api.send("GET", path, token: accessToken, headers: headers)
    }

    func send(_ method: String, _ path: String, _ json: [String: Any]? = nil, headers: [String: String] = [:]) async throws
        -> API.Answer
    {
        try await api.send(method, path, json, token: accessToken, headers: headers)
    }

    /// The id of the direct chat with `other`.
    func chat(with other: Person) async throws -> String {
        let answer = try await send("POST", "/v1/chats", ["kind": "direct", "members": [other.id]])
        try #require([200, 201].contains(answer.status), "\(String(decoding: answer.body, as: UTF8.self))")
        return answer.text("id")
    }

    /// The id of a new group with `others`.
    func group(_ title: String, with others: [Person]) async throws -> String {
        let answer = try await send("POST", "/v1/chats", ["kind": "group", "title": title, "members": others.map(\.id)])
        try #require(answer.status == 201, "\(String(decoding: answer.body, as: UTF8.self))")
        return answer.text("id")
    }

    func say(_ text: String, in chat: String, key: String = UUID().uuidString) async throws -> API.Answer {
        try await send("POST", "/v1/chats/\(chat)/messages", ["clientMessageId": key, "text": text])
    }
}
