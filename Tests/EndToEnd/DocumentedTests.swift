import Foundation
import StackTesting
import TestSupport
import Testing

/// Calls every operation of `openapi.json` and compares the response with the documentation.
@Suite("openapi.json is true", .timeLimit(.minutes(15))) struct DocumentedTests {
    @Test("every documented operation responds as documented")
    func everyOperation() async throws {
        let document = try OpenAPI(try await API().send("GET", "/openapi.json").json)
        let world = try await World.new()
        #expect(document.operations.count >= 30)
        for operation in document.operations.sorted(by: { world.rank($0) < world.rank($1) }) {
            let answer = try await world.run(operation)
            let violations = document.violations(about: answer, to: operation)
            #expect(violations.isEmpty, "\(operation.method) \(operation.path): \(answer.status) \(violations)")
            #expect(
                (200..<300).contains(answer.status),
                "\(operation.method) \(operation.path): \(answer.status) \(answer.text("detail"))")
            if !operation.isOpen {
                let stranger = try await world.run(operation, signedIn: false)
                #expect(stranger.status == 401)
                #expect(document.violations(about: stranger, to: operation).isEmpty)
            }
            if operation.isAdmins {
                let member = try await world.run(operation, as: world.me)
                #expect(member.status == 403)
                #expect(document.violations(about: member, to: operation).isEmpty)
            }
        }
    }
}

/// The users and data that let each operation succeed once.
private struct World {
    let me: Person
    let other: Person
    let third: Person
    let fourth: Person
    let admin: Person
    let group: String
    let etag: String
    /// The current content of a section, which stays unchanged.
    let section: API.Response

    static func new() async throws -> World {
        let (me, other) = (try await Person.new("me"), try await Person.new("other"))
        let (third, fourth) = (try await Person.new("third"), try await Person.new("fourth"))
        let group = try await me.group("Documented", with: [other])
        for person in [third, fourth] { _ = try await person.send("POST", "/v1/connections/\(me.id)/invite") }
        let etag = try #require(try await me.get("/v1/me").header("ETag"))
        let admin = try await Person.admin()
        let section = try await admin.get("/v1/admin/config/messaging")
        return World(
            me: me, other: other, third: third, fourth: fourth, admin: admin, group: group, etag: etag, section: section)
    }

    /// Returns the order of operations: those that delete come last.
    func rank(_ operation: OpenAPI.Operation) -> Int {
        let order = [
            "inviteConnection", "cancelConnection", "acceptConnection", "removeConnection", "block", "unblock", "changePassword",
            "removeMember", "revokeSession",
        ]
        return order.firstIndex(of: operation.id).map { $0 + 1 } ?? 0
    }

    /// - Parameter person: the caller; by default one with the required role.
    func run(_ operation: OpenAPI.Operation, signedIn: Bool = true, as person: Person? = nil) async throws -> API.Response {
        let path = operation.path.replacing("{chatId}", with: group).replacing("{userId}", with: user(operation))
            .replacing("{sessionId}", with: "current").replacing("{section}", with: "messaging")
        let person = person ?? (operation.isAdmins ? admin : me)
        return try await API().send(
            operation.method, path + query(operation), json: body(operation),
            token: signedIn && !operation.isOpen ? person.accessToken : nil, headers: headers(operation))
    }

    private func headers(_ operation: OpenAPI.Operation) -> [String: String] {
        switch operation.id {
        case "updateMe": ["If-Match": etag]
        case "setConfigSection": ["If-Match": section.header("ETag") ?? ""]
        default: [:]
        }
    }

    private func user(_ operation: OpenAPI.Operation) -> String {
        switch operation.id {
        case "acceptConnection": third.id
        case "removeConnection": third.id
        case "setMember", "block", "unblock": fourth.id
        default: other.id
        }
    }

    private func query(_ operation: OpenAPI.Operation) -> String { operation.id == "findUsers" ? "?ids=\(other.id)" : "" }

    private func body(_ operation: OpenAPI.Operation) -> [String: Any]? {
        switch operation.id {
        case "registerUser":
            ["username": TestStack.uniqueName("doc").prefix(32).description, "password": Person.password, "displayName": "Doc"]
        case "logIn": ["username": me.username, "password": Person.password]
        case "refreshSession": ["refreshToken": fourth.refreshToken]
        case "updateMe": ["displayName": "Documented"]
        case "setConfigSection": ["values": section.json["values"] ?? [:]]
        case "changePassword": ["currentPassword": Person.password, "newPassword": "another \(Person.password)"]
        case "createChat": ["kind": "direct", "members": [other.id]]
        case "updateChat": ["title": "Documented still"]
        case "markRead": ["seq": 0]
        case "setMember": ["role": "member"]
        case "sendMessage": ["clientMessageId": UUID().uuidString, "text": "documented"]
        default: nil
        }
    }
}
