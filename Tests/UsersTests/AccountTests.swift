import Contracts
import Postgres
import Testing

@testable import Users

@Suite("Accounts") struct AccountTests {
    @Test("somebody who registers has an account, a profile, and is told of")
    func registers() async throws {
        try await World.with { world async throws in
            let user = try await world.register("Mia.M", displayName: "Mia März")
            #expect(user == User(id: user.id, username: "mia.m", displayName: "Mia März", createdAt: world.clock.now))
            #expect(try await world.one.accounts.account(GetAccount(userID: user.id)) == Account(user: user, version: 1))
            #expect(try await world.other.accounts.account(GetAccount(userID: user.id)) == Account(user: user, version: 1))
            #expect(try await world.facts(UserRegistered.self).map(\.user) == [user])
            let stored = try await world.database.one("SELECT password_hash FROM accounts", as: String.self)
            #expect(stored.hasPrefix("$argon2id$"))
        }
    }

    @Test("all that is wrong with a registration is told at once, and nothing is stored")
    func invalid() async throws {
        try await World.with { world async throws in
            let request = RegisterUser(username: "x", password: "short", displayName: "\u{0}", idempotencyKey: "")
            let error = await #expect(throws: ServiceError.self) { try await world.one.accounts.register(request) }
            #expect(error?.code == .invalid)
            #expect(error?.fields.map(\.field) == ["username", "password", "displayName", "Idempotency-Key"])
            #expect(try await world.count("SELECT count(*) FROM accounts") == 0)
        }
    }

    @Test("twenty who want one name at once: one gets it, whatever the case of the letters")
    func race() async throws {
        try await World.with { world async throws in
            let results = await atOnce(20) { number in try await world.register(number % 2 == 0 ? "wanted" : "WANTED") }
            #expect(results.compactMap(\.value).count == 1)
            #expect(results.compactMap(\.code) == Array(repeating: .conflict, count: 19))
            #expect(try await world.count("SELECT count(*) FROM accounts") == 1)
            #expect(try await world.count("SELECT count(*) FROM profiles") == 1)
            #expect(try await world.facts(UserRegistered.self).count == 1)
        }
    }

    @Test("a key gives the first answer to the same request, and refuses another")
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

    @Test("a key that comes twenty times at once makes one account and gives one answer")
    func idempotencyRace() async throws {
        try await World.with { world async throws in
            let results = await atOnce(20) { _ in try await world.register("mia", key: "k-1") }
            #expect(results.compactMap(\.value).count == 20)
            #expect(Set(results.compactMap(\.value)).count == 1)
            #expect(try await world.facts(UserRegistered.self).count == 1)
        }
    }

    @Test("a key of yesterday is free again")
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

    @Test("a refused name leaves no key behind")
    func refusedKey() async throws {
        try await World.with { world async throws in
            _ = try await world.register("mia")
            #expect(await refusal { try await world.register("mia", key: "k-1") } == .conflict)
            _ = try await world.register("tom", key: "k-1")
        }
    }

    @Test("an admin is made once")
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

    @Test("who is an admin no more has to sign in again, and hears so; who never was one notices nothing")
    func noAdmin() async throws {
        try await World.with { world async throws in
            let (mia, tom) = (try await world.register("mia"), try await world.register("tom"))
            let store = world.one.accounts.store
            #expect(try await store.makeAdmin(Username("mia")))
            let sessions = [try await world.logIn("mia"), try await world.logIn("mia")]
            _ = try await world.logIn("tom")
            #expect(try await store.removeAdmin(Username("tom"), now: world.clock.now))
            #expect(try await store.removeAdmin(Username("Mia"), now: world.clock.now))
            #expect(try await !store.removeAdmin(Username("nobody"), now: world.clock.now))
            #expect(try await world.database.query("SELECT roles FROM accounts", as: [String].self) == [[], []])
            let ended = try await world.facts(SessionsRevoked.self)
            #expect(ended.map(\.userID) == [mia.id] && ended.first?.sessionIDs.count == 2)
            for session in sessions {
                let again = RefreshSession(refreshToken: session.tokens.refreshToken)
                #expect(await refusal { try await world.one.sessions.refresh(again) } == .unauthenticated)
            }
            let list = ListSessions(userID: tom.id, sessionID: SessionID(rawValue: 1))
            #expect(try await world.one.sessions.list(list).items.count == 1)
            // The token that was signed meanwhile has no role any more.
            #expect(try await world.database.query("SELECT id FROM accounts WHERE 'admin' = ANY(roles)", as: Int64.self) == [])
        }
    }
}
