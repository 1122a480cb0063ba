import Contracts
import Foundation
import Postgres
import ServiceKit
import TestSupport
import Testing

@testable import Users

@Suite("Sessions") struct SessionTests {
    @Test("a log-in creates a session with tokens, and announces the device")
    func logsIn() async throws {
        try await World.with { world async throws in
            let user = try await world.register("mia")
            let answer = try await world.one.sessions.logIn(LogIn(username: "MIA", password: World.password, device: "Kitchen"))
            #expect(answer.user == user && answer.tokens.expiresIn == 900)
            let id = try world.session(of: answer.tokens)
            let listed = try await world.other.sessions.list(ListSessions(userID: user.id, sessionID: id))
            let (now, device) = (world.clock.now, "Kitchen")
            #expect(listed.items == [Session(id: id, device: device, createdAt: now, lastSeenAt: now, current: true)])
            let events = try await world.events(SessionStarted.self)
            #expect(events.map(\.sessionID) == [id] && events.map(\.device) == [device])
        }
    }

    @Test("tokens get the lifetime that is configured at their issue")
    func lifetimes() async throws {
        try await World.with { world async throws in
            _ = try await world.register("mia")
            let before = try await world.logIn("mia").tokens
            world.lifetimes.set(TokenLifetimes(access: .seconds(60), refresh: .seconds(3_600)))
            let after = try await world.logIn("mia").tokens
            #expect(before.expiresIn == 900 && after.expiresIn == 60)
            world.clock.advance(.seconds(3_600))
            let late = RefreshSession(refreshToken: after.refreshToken)
            #expect(await refusal { try await world.one.sessions.refresh(late) } == .unauthenticated)
            let renewed = try await world.other.sessions.refresh(RefreshSession(refreshToken: before.refreshToken))
            #expect(renewed.expiresIn == 60)
        }
    }

    @Test("an unknown user and a wrong password get the same answer")
    func wrong() async throws {
        try await World.with { world async throws in
            _ = try await world.register("mia")
            var errors: Set<ServiceError> = []
            for (username, password) in [
                ("mia", "wrong horse"), ("stranger", World.password), ("no such name!", World.password), ("mia", "x"),
            ] {
                let request = LogIn(username: username, password: password)
                if let error = await #expect(
                    throws: ServiceError.self, performing: { try await world.one.sessions.logIn(request) })
                {
                    errors.insert(error)
                }
            }
            #expect(errors.count == 1 && errors.first?.code == .unauthenticated)
            #expect(try await world.count("SELECT count(*) FROM sessions") == 0)
        }
    }

    @Test("an invalid log-in is refused before any hash")
    func invalid() async throws {
        try await World.with { world async throws in
            let long = String(repeating: "x", count: 257)
            let error = await #expect(throws: ServiceError.self) {
                try await world.one.sessions.logIn(LogIn(username: long, password: long, device: ""))
            }
            #expect(error?.code == .invalid && error?.fields.map(\.field) == ["username", "password", "device"])
            #expect(await refusal { try await world.one.sessions.logIn(LogIn(username: "mia", password: "a\u{0}b")) } == .invalid)
        }
    }

    @Test("without ids, log-in and registration are refused before any hash")
    func idsAway() async throws {
        try await World.with { world async throws in
            _ = try await world.register("mia")
            let pool = HashingPool(threads: 1, queueLimit: 0)
            let hasher = try await PasswordHasher(cost: World.cost, pool: pool)
            let away = ServiceError(.unavailable, "no ids")
            let nextID: @Sendable () async throws -> Int64 = { throw away }
            let one = world.one
            let sessions = SessionHandler(
                store: one.sessions.store, accounts: one.sessions.accounts, cache: one.sessions.cache, hasher: hasher,
                keys: one.keys, nextID: nextID, now: one.sessions.now, logger: World.logger)
            let accounts = AccountHandler(
                store: one.accounts.store, profiles: one.accounts.profiles, cache: one.accounts.cache, hasher: hasher,
                nextID: nextID, now: one.accounts.now)
            // The pool refuses every hash now.
            let gate = DispatchSemaphore(value: 0)
            async let busy: Void = pool.run { gate.wait() }
            try await eventually("a full pool") { pool.load.running == 1 ? () : nil }
            for name in ["mia", "stranger"] {
                await #expect(throws: away) { try await sessions.logIn(LogIn(username: name, password: World.password)) }
            }
            await #expect(throws: away) {
                try await accounts.register(RegisterUser(username: "tom", password: World.password, displayName: "Tom"))
            }
            gate.signal()
            try await busy
        }
    }

    @Test("each refresh gives a new token and thirty more days")
    func rotates() async throws {
        try await World.with { world async throws in
            let user = try await world.register("mia")
            var tokens = try await world.logIn("mia").tokens
            let id = try world.session(of: tokens)
            for _ in 0..<3 {
                world.clock.advance(.seconds(29 * 86_400))
                let next = try await world.other.sessions.refresh(RefreshSession(refreshToken: tokens.refreshToken))
                #expect(next.refreshToken != tokens.refreshToken && next.expiresIn == 900)
                #expect(try world.session(of: next) == id)
                tokens = next
            }
            let listed = try await world.one.sessions.list(ListSessions(userID: user.id, sessionID: id)).items
            #expect(listed.map(\.lastSeenAt) == [world.clock.now])
            world.clock.advance(.seconds(30 * 86_400))
            #expect(
                await refusal { try await world.one.sessions.refresh(RefreshSession(refreshToken: tokens.refreshToken)) }
                    == .unauthenticated)
        }
    }

    @Test("a replayed token revokes its session and the next token, and is announced")
    func replay() async throws {
        try await World.with { world async throws in
            let user = try await world.register("mia")
            let first = try await world.logIn("mia").tokens
            let bystander = try await world.logIn("mia").tokens
            let second = try await world.one.sessions.refresh(RefreshSession(refreshToken: first.refreshToken))
            for token in [first, second, first] {
                #expect(
                    await refusal { try await world.one.sessions.refresh(RefreshSession(refreshToken: token.refreshToken)) }
                        == .unauthenticated)
            }
            let events = try await world.events(SessionsRevoked.self)
            #expect(events.map(\.sessionIDs) == [[try world.session(of: first)]] && events.map(\.userID) == [user.id])
            _ = try await world.one.sessions.refresh(RefreshSession(refreshToken: bystander.refreshToken))
        }
    }

    @Test("of twenty concurrent uses of one token one succeeds, and the session is revoked")
    func refreshRace() async throws {
        try await World.with { world async throws in
            _ = try await world.register("mia")
            let tokens = try await world.logIn("mia").tokens
            let results = await atOnce(20) { number in
                let instance = number % 2 == 0 ? world.one : world.other
                return try await instance.sessions.refresh(RefreshSession(refreshToken: tokens.refreshToken))
            }
            let winners = results.compactMap(\.value)
            #expect(winners.count == 1)
            #expect(results.compactMap(\.code) == Array(repeating: .unauthenticated, count: 19))
            #expect(try await world.events(SessionsRevoked.self).count == 1)
            for winner in winners {
                #expect(
                    await refusal { try await world.one.sessions.refresh(RefreshSession(refreshToken: winner.refreshToken)) }
                        == .unauthenticated)
            }
        }
    }

    @Test("a forged token changes nothing, even with the id of a session")
    func forged() async throws {
        try await World.with { world async throws in
            _ = try await world.register("mia")
            let tokens = try await world.logIn("mia").tokens
            let forged = RefreshToken(for: try world.session(of: tokens), stampKey: Sodium.random(32)).text
            for text in ["", "x", forged, String(tokens.refreshToken.reversed()), tokens.refreshToken + "A"] {
                #expect(
                    await refusal { try await world.one.sessions.refresh(RefreshSession(refreshToken: text)) } == .unauthenticated
                )
            }
            _ = try await world.one.sessions.refresh(RefreshSession(refreshToken: tokens.refreshToken))
        }
    }

    @Test("the store holds no token, only hashes that recognise one")
    func secrets() async throws {
        try await World.with { world async throws in
            _ = try await world.register("mia")
            let token = try await world.logIn("mia").tokens.refreshToken
            let (hash, key) = try await world.database.one(
                "SELECT refresh_hash, stamp_key FROM sessions", as: ([UInt8], [UInt8]).self)
            let bytes = try #require(Base64URL.decode(token, count: 56))
            for secret in [hash, key] { #expect(!bytes.indices.contains { bytes[$0...].starts(with: secret.prefix(8)) }) }
        }
    }
}
