import Contracts
import Postgres
import Testing

@testable import Users

@Suite("Accounts") struct AccountTests {
    @Test("a registration creates an account and a profile, and is announced")
    func registers() async throws {
        try await World.with { world async throws in
            let user = try await world.register("Mia.M", displayName: "Mia März")
            #expect(user == User(id: user.id, username: "mia.m", displayName: "Mia März", createdAt: world.clock.now))
            #expect(try await world.one.accounts.account(GetAccount(userID: user.id)) == Account(user: user, version: 1))
            #expect(try await world.other.accounts.account(GetAccount(userID: user.id)) == Account(user: user, version: 1))
            #expect(try await world.events(UserRegistered.self).map(\.user) == [user])
            let stored = try await world.database.one("SELECT password_hash FROM accounts", as: String.self)
            #expect(stored.hasPrefix("$argon2id$"))
        }
    }

    @Test("a registration reports all invalid fields at once and stores nothing")
    func invalid() async throws {
        try await World.with { world async throws in
            let request = RegisterUser(username: "x", password: "short", displayName: "\u{0}", idempotencyKey: "")
            let error = await #expect(throws: ServiceError.self) { try await world.one.accounts.register(request) }
            #expect(error?.code == .invalid)
            #expect(error?.fields.map(\.field) == ["username", "password", "displayName", "Idempotency-Key"])
            #expect(try await world.count("SELECT count(*) FROM accounts") == 0)
        }
    }

    @Test("of twenty concurrent registrations of one username, in any case, one succeeds")
    func race() async throws {
        try await World.with { world async throws in
            let results = await atOnce(20) { number in try await world.register(number % 2 == 0 ? "wanted" : "WANTED") }
            #expect(results.compactMap(\.value).count == 1)
            #expect(results.compactMap(\.code) == Array(repeating: .conflict, count: 19))
            #expect(try await world.count("SELECT count(*) FROM accounts") == 1)
            #expect(try await world.count("SELECT count(*) FROM profiles") == 1)
            #expect(try await world.events(UserRegistered.self).count == 1)
        }
    }

    @Test("a repeated idempotency key gets the first answer, and another request with it is refused")
    func idempotency() async throws {
        try await World.with { world async throws in
            let first = try await world.register("mia", displayName: "Mia", key: "k-1")
            #expect(try await world.register("mia", displayName: "Mia", key: "k-1") == first)
            #expect(await refusal { try await world.register("tom", displayName: "Mia", key: "k-1") } == .invalid)
            #expect(await refusal { try await world.register("mia", displayName: "Tom", key: "k-1") } == .invalid)
            let otherPassword = RegisterUser(username: "mia", password: "another one", displayName: "Mia", idempotencyKey: "k-1")
            #expect(await refusal { try await world.one.accounts.register(otherPassword) } == .invalid)
            #expect(await refusal { try await world.register("mia", displayName: "Mia") } == .conflict)
            #expect(try await world.count("SELECT count(*) FROM accounts") == 1)
        }
    }

    @Test("twenty concurrent requests with one key create one account and get one answer")
    func idempotencyRace() async throws {
        try await World.with { world async throws in
            let results = await atOnce(20) { _ in try await world.register("mia", key: "k-1") }
            #expect(results.compactMap(\.value).count == 20)
            #expect(Set(results.compactMap(\.value)).count == 1)
            #expect(try await world.events(UserRegistered.self).count == 1)
        }
    }

    @Test("an idempotency key expires after a day")
    func oldKey() async throws {
        try await World.with { world async throws in
            let first = try await world.register("mia", key: "k-1")
            world.clock.advance(.seconds(86_400))
            let second = try await world.register("tom", key: "k-1")
            #expect(first.id != second.id)
            #expect(try await world.register("tom", key: "k-1") == second)
            world.clock.advance(.seconds(86_400))
            try await world.one.accounts.store.sweep(now: world.clock.now)
            #expect(try await world.count("SELECT count(*) FROM registrations") == 0)
        }
    }

    @Test("a refused registration does not use up its key")
    func refusedKey() async throws {
        try await World.with { world async throws in
            _ = try await world.register("mia")
            #expect(await refusal { try await world.register("mia", key: "k-1") } == .conflict)
            _ = try await world.register("tom", key: "k-1")
        }
    }

    @Test("granting the role admin twice changes nothing")
    func admin() async throws {
        try await World.with { world async throws in
            _ = try await world.register("mia")
            let store = world.one.accounts.store
            #expect(try await store.makeAdmin(Username("mia")))
            #expect(try await store.makeAdmin(Username("Mia")))
            #expect(try await !store.makeAdmin(Username("tom")))
            #expect(try await world.database.one("SELECT roles FROM accounts", as: [String].self) == ["admin"])
        }
    }

    @Test("removing the role admin revokes the account's sessions; an account without the role keeps them")
    func noAdmin() async throws {
        try await World.with { world async throws in
            let (mia, tom) = (try await world.register("mia"), try await world.register("tom"))
            let store = world.one.accounts.store
            #expect(try await store.makeAdmin(Username("mia")))
            let sessions = [try await world.logIn("mia"), try await world.logIn("mia")]
            _ = try await world.logIn("tom")
            #expect(try await store.removeAdmin(Username("tom"), now: world.clock.now))
            #expect(try await store.removeAdmin(Username("Mia"), now: world.clock.now))
            #expect(try await !store.removeAdmin(Username("stranger"), now: world.clock.now))
            #expect(try await world.database.query("SELECT roles FROM accounts", as: [String].self) == [[], []])
            let ended = try await world.events(SessionsRevoked.self)
            #expect(ended.map(\.userID) == [mia.id] && ended.first?.sessionIDs.count == 2)
            for session in sessions {
                let again = RefreshSession(refreshToken: session.tokens.refreshToken)
                #expect(await refusal { try await world.one.sessions.refresh(again) } == .unauthenticated)
            }
            let list = ListSessions(userID: tom.id, sessionID: SessionID(rawValue: 1))
            #expect(try await world.one.sessions.list(list).items.count == 1)
            // A token issued after the removal has no role.
            #expect(try await world.database.query("SELECT id FROM accounts WHERE 'admin' = ANY(roles)", as: Int64.self) == [])
        }
    }
}
