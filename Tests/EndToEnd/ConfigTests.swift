import StackTesting
import TestSupport
import Testing

@Suite("The dynamic configuration over the real stack", .timeLimit(.minutes(15))) struct ConfigTests {
    /// A section that no other test depends on.
    private let path = "/v1/admin/config/messaging"

    @Test("only admins may read and change the configuration; a removed role ends within seconds")
    func roles() async throws {
        let stranger = try await Person.new()
        for path in ["/v1/admin/config", path, path + "/history"] {
            let answer = try await stranger.get(path)
            #expect(answer.status == 403 && answer.code == "denied")
            #expect(try await API().send("GET", path).status == 401)
        }
        let change = try await stranger.send("PUT", path, json: ["values": ["devices": 5]], headers: ["If-Match": "\"1\""])
        #expect(change.status == 403)
        let admin = try await Person.admin()
        #expect(try await admin.get(path).status == 200)
        try await Person.command("users", "remove-admin", admin.username)
        _ = try await eventually("the end of the session") { try await admin.get(path).status == 401 ? true : nil }
        let again = try await Person.logIn(admin.username)
        #expect(try await again.get(path).status == 403)
    }

    @Test("an invalid change is rejected with every field, and nothing changes")
    func refused() async throws {
        let admin = try await Person.admin()
        let before = try await admin.get(path)
        let tag = try #require(before.header("ETag"))
        let values: [String: Any] = ["devices": 0, "resumeSeconds": "75", "nonsense": 1]
        let answer = try await admin.send("PUT", path, json: ["values": values], headers: ["If-Match": tag])
        #expect(answer.status == 422)
        #expect(
            Set(["values.devices", "values.resumeSeconds", "values.nonsense", "values.typingSeconds"])
                .isSubset(of: answer.fields))
        #expect(try await admin.send("PUT", path, json: ["values": values]).status == 428)
        #expect(try await admin.get("/v1/admin/config/nothing").status == 404)
        #expect(try await admin.get(path, headers: ["If-None-Match": tag]).status == 304)
    }
}

@Suite("Changing the configuration of a running stack", .timeLimit(.minutes(15))) struct ConfigChangeTests {
    @Test("a smaller page size applies to all instances, appears in the history, and can be reverted")
    func pageSizes() async throws {
        try await OwnStack.with(instances: ["bff": 2]) { stack in
            let admin = try await admin(of: stack)
            for number in 0..<4 { _ = try await admin.group("\(number)", with: [try await Person.new(api: admin.api)]) }
            let before = try await admin.get(Self.pages)
            let tag = try #require(before.header("ETag"))
            let smaller = ["values": ["usual": 2, "most": 3]]
            let changed = try await admin.send("PUT", Self.pages, json: smaller, headers: ["If-Match": tag])
            try changed.expectStatus(200)
            #expect(changed.number("version") == before.number("version") + 1)
            for instance in 1...2 { try await hold(usual: 2, most: 3, for: admin, at: try stack.api(instance)) }
            #expect(try await admin.send("PUT", Self.pages, json: smaller, headers: ["If-Match": tag]).status == 200)  // a repeat
            let late = ["values": ["usual": 5, "most": 5]]
            #expect(try await admin.send("PUT", Self.pages, json: late, headers: ["If-Match": tag]).status == 412)
            let latest = try #require(try await admin.get(Self.pages + "/history").items.first)
            #expect(latest["changedBy"] as? String == admin.id)
            #expect(latest["before"] as? [String: Int] == ["usual": 50, "most": 100])
            #expect(latest["after"] as? [String: Int] == ["usual": 2, "most": 3])
            try await shorterTokens(admin)
            try await configAway(admin, stack)
            try await change(Self.pages, to: ["usual": 50, "most": 100], by: admin)
            for instance in 1...2 { try await hold(usual: 4, most: 4, for: admin, at: try stack.api(instance)) }
        }
    }

    /// Changes a section of another service.
    private func shorterTokens(_ admin: Person) async throws {
        try await change("/v1/admin/config/tokens", to: ["accessSeconds": 120, "refreshSeconds": 3_600], by: admin)
        let credentials = ["username": admin.username, "password": Person.password]
        _ = try await eventually("shorter tokens") {
            try await admin.api.send("POST", "/v1/sessions", json: credentials).number("expiresIn") == 120 ? true : nil
        }
    }

    /// Without `config` changes fail, and the services keep their values.
    private func configAway(_ admin: Person, _ stack: OwnStack) async throws {
        try await stack.run("stop", "config")
        #expect(try await admin.get(Self.pages).status == 503)
        for instance in 1...2 { try await hold(usual: 2, most: 3, for: admin, at: try stack.api(instance)) }
        try await stack.run("start", "config")
        try await stack.ready("config")
        _ = try await eventually("config again") { try await admin.get(Self.pages).status == 200 ? true : nil }
    }

    private static let pages = "/v1/admin/config/pageSizes"

    private func admin(of stack: OwnStack) async throws -> Person {
        let person = try await Person.new(api: try stack.api())
        try await stack.run("service", "users", "make-admin", person.username)
        return try await Person.logIn(person.username, api: try stack.api())
    }

    private func change(_ path: String, to values: [String: Int], by admin: Person) async throws {
        let tag = try #require(try await admin.get(path).header("ETag"))
        try await admin.send("PUT", path, json: ["values": values], headers: ["If-Match": tag]).expectStatus(200)
    }

    /// Waits until lists of four items return this many, without a limit and with a high one.
    private func hold(usual: Int, most: Int, for person: Person, at api: API) async throws {
        _ = try await eventually("pages of \(usual) and \(most)") {
            let without = try await api.send("GET", "/v1/chats", token: person.accessToken)
            let with = try await api.send("GET", "/v1/chats?limit=100", token: person.accessToken)
            guard without.items.count == usual, with.items.count == most else { return nil as Bool? }
            #expect((with.json["next"] != nil) == (most < 4))
            return true
        }
    }
}
