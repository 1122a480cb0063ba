import Foundation
import StackTesting
import TestSupport
import Testing

@Suite("Accounts over the real stack", .timeLimit(.minutes(15))) struct AccountTests {
    @Test("twenty concurrent registrations of one name, in any case, create one account")
    func registration() async throws {
        let name = String(TestStack.uniqueName("Race").prefix(30))
        let statuses = try await withThrowingTaskGroup { group in
            for index in 0..<20 {
                group.addTask {
                    let username = index.isMultiple(of: 2) ? name : name.lowercased()
                    let body: [String: Any] = ["username": username, "password": Person.password, "displayName": "Racer"]
                    return try await eventually("an answer") {
                        let status = try await API().send("POST", "/v1/users", json: body).status
                        return status == 503 ? nil : status  // the pool for password hashing is full
                    }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(statuses.filter { $0 == 201 }.count == 1)
        #expect(statuses.filter { $0 == 409 }.count == 19)
    }

    @Test("an invalid registration lists every invalid field")
    func validation() async throws {
        let answer = try await API().send("POST", "/v1/users", json: ["username": "A!", "password": "short", "displayName": ""])
        #expect(answer.status == 422)
        #expect(Set(answer.fields) == ["username", "password", "displayName"])
        let zero = try await API().send(
            "POST", "/v1/users",
            json: ["username": "zero_\(UInt32.random(in: 0...(.max)))", "password": Person.password, "displayName": "a\u{0}b"])
        #expect(zero.fields == ["displayName"])
    }

    @Test("a wrong password and an unknown user get the same response")
    func wrongPassword() async throws {
        let ada = try await Person.new("ada")
        let wrong = try await API().send(
            "POST", "/v1/sessions", json: ["username": ada.username, "password": "not the password"])
        let unknown = try await API().send(
            "POST", "/v1/sessions", json: ["username": "unknown-\(ada.username.suffix(8))", "password": "not the password"])
        #expect(wrong.status == 401)
        #expect(unknown.status == 401)
        #expect(wrong.text("detail") == unknown.text("detail"))
        #expect(wrong.code == unknown.code)
    }

    @Test("a profile changes only with If-Match")
    func profile() async throws {
        let ada = try await Person.new("ada")
        let me = try await ada.get("/v1/me")
        let etag = try #require(me.header("ETag"))
        #expect(try await ada.get("/v1/me", headers: ["If-None-Match": etag]).status == 304)
        #expect(try await ada.send("PATCH", "/v1/me", json: ["displayName": "Countess"]).status == 428)
        let changed = try await ada.send("PATCH", "/v1/me", json: ["displayName": "Countess"], headers: ["If-Match": etag])
        #expect(changed.status == 200)
        #expect(changed.text("displayName") == "Countess")
        #expect(try await ada.send("PATCH", "/v1/me", json: ["displayName": "Late"], headers: ["If-Match": etag]).status == 412)
        #expect(try await ada.get("/v1/me").text("displayName") == "Countess")
        let grace = try await Person.new("grace")
        _ = try await eventually("the public profile") {
            try await grace.get("/v1/users/\(ada.id)").text("displayName") == "Countess" ? true : nil
        }
    }

    @Test("users are found by any part of their names")
    func search() async throws {
        let ada = try await Person.new("lovelace")
        let part = ada.username.dropFirst(4).prefix(12)
        let found = try await eventually("the search") {
            let items = try await ada.get("/v1/users?search=\(part)").items
            return items.isEmpty ? nil : items
        }
        #expect(found.compactMap { $0["id"] as? String } == [ada.id])
        #expect(try await ada.get("/v1/users?search=ab").status == 422)
        // The query contains no searchable characters.
        #expect(try await ada.get("/v1/users?search=%25%25%25").status == 422)
        #expect(try await ada.get("/v1/users?ids=\(ada.id),999").items.compactMap { $0["id"] as? String } == [ada.id])
    }

    @Test("a refresh token works once; a replay ends its session")
    func refresh() async throws {
        let ada = try await Person.new("ada")
        let next = try await API().send("POST", "/v1/sessions/refresh", json: ["refreshToken": ada.refreshToken])
        #expect(next.status == 200)
        #expect(try await API().send("POST", "/v1/sessions/refresh", json: ["refreshToken": ada.refreshToken]).status == 401)
        #expect(
            try await API().send("POST", "/v1/sessions/refresh", json: ["refreshToken": next.text("refreshToken")]).status == 401)
        _ = try await eventually("the end of the session") {
            try await API().send("GET", "/v1/me", token: next.text("accessToken")).status == 401 ? true : nil
        }
    }

    @Test("a session is listed, revoked, and rejected at the edge")
    func sessions() async throws {
        let phone = try await Person.new("ada")
        let laptop = try await Person.logIn(phone.username)
        let sessions = try await phone.get("/v1/sessions").items
        #expect(sessions.count == 2)
        let other = try #require(sessions.first { $0["current"] as? Bool == false }?["id"] as? String)
        #expect(try await phone.send("DELETE", "/v1/sessions/\(other)").status == 204)
        _ = try await eventually("the revocation") { try await laptop.get("/v1/me").status == 401 ? true : nil }
        #expect(try await phone.get("/v1/me").status == 200)
        let stranger = try await Person.new("mallory")
        let mine = try #require(try await phone.get("/v1/sessions").items.first?["id"] as? String)
        #expect(try await stranger.send("DELETE", "/v1/sessions/\(mine)").status == 404)
        #expect(try await phone.send("DELETE", "/v1/sessions/current").status == 204)
        _ = try await eventually("the log-out") { try await phone.get("/v1/me").status == 401 ? true : nil }
    }

    @Test("a changed password ends the other sessions and invalidates the old password")
    func password() async throws {
        let phone = try await Person.new("ada")
        let laptop = try await Person.logIn(phone.username)
        let new = "a quite different one"
        #expect(
            try await phone.send("PUT", "/v1/me/password", json: ["currentPassword": "wrong one", "newPassword": new]).status
                == 403)
        #expect(
            try await phone.send("PUT", "/v1/me/password", json: ["currentPassword": Person.password, "newPassword": new]).status
                == 204
        )
        #expect(try await phone.get("/v1/me").status == 200)
        _ = try await eventually("the end of the other session") { try await laptop.get("/v1/me").status == 401 ? true : nil }
        #expect(
            try await API().send("POST", "/v1/sessions", json: ["username": phone.username, "password": Person.password]).status
                == 401)
        _ = try await Person.logIn(phone.username, password: new)
    }

    @Test("mutual invitations connect two users; invalid transitions are rejected")
    func connections() async throws {
        let (ada, grace) = (try await Person.new("ada"), try await Person.new("grace"))
        #expect(try await ada.send("POST", "/v1/connections/\(ada.id)/invite").status == 422)
        #expect(try await ada.send("POST", "/v1/connections/999/invite").status == 404)
        async let one = ada.send("POST", "/v1/connections/\(grace.id)/invite")
        async let other = grace.send("POST", "/v1/connections/\(ada.id)/invite")
        _ = try await (one, other)
        #expect(try await ada.get("/v1/connections").items.first?["status"] as? String == "connected")
        #expect(try await grace.get("/v1/connections").items.first?["status"] as? String == "connected")
        #expect(try await ada.send("POST", "/v1/connections/\(grace.id)/remove").status == 204)
        #expect(try await grace.get("/v1/connections").items.isEmpty)
        #expect(try await grace.send("POST", "/v1/connections/\(ada.id)/accept").status == 409)
    }
}
