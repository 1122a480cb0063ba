import Contracts
import Postgres
import Testing

@testable import Users

@Suite("Revoking") struct RevocationTests {
    @Test("a session is revoked once, only by its owner, and announced")
    func revoke() async throws {
        try await World.with { world async throws in
            let (mia, tom) = (try await world.register("mia"), try await world.register("tom"))
            let tokens = try await world.logIn("mia").tokens
            let id = try world.session(of: tokens)
            #expect(
                await refusal { try await world.one.sessions.revoke(RevokeSession(userID: tom.id, sessionID: id)) } == .notFound)
            for _ in 0..<2 { _ = try await world.one.sessions.revoke(RevokeSession(userID: mia.id, sessionID: id)) }
            #expect(try await world.events(SessionsRevoked.self).map(\.sessionIDs) == [[id]])
            #expect(try await world.one.sessions.list(ListSessions(userID: mia.id, sessionID: id)).items.isEmpty)
            #expect(
                await refusal { try await world.one.sessions.refresh(RefreshSession(refreshToken: tokens.refreshToken)) }
                    == .unauthenticated)
        }
    }

    @Test("a new password revokes all other sessions, and the old password is refused")
    func password() async throws {
        try await World.with { world async throws in
            let user = try await world.register("mia")
            let (kept, other) = (try await world.logIn("mia").tokens, try await world.logIn("mia").tokens)
            let change = ChangePassword(
                userID: user.id, sessionID: try world.session(of: kept), currentPassword: World.password,
                newPassword: "battery staple")
            var wrong = change
            wrong.currentPassword = "something else"
            #expect(await refusal { try await world.one.accounts.changePassword(wrong) } == .denied)
            _ = try await world.one.accounts.changePassword(change)
            #expect(
                await refusal { try await world.one.sessions.refresh(RefreshSession(refreshToken: other.refreshToken)) }
                    == .unauthenticated)
            _ = try await world.one.sessions.refresh(RefreshSession(refreshToken: kept.refreshToken))
            #expect(await refusal { try await world.logIn("mia") } == .unauthenticated)
            _ = try await world.one.sessions.logIn(LogIn(username: "mia", password: "battery staple"))
            #expect(try await world.events(SessionsRevoked.self).map(\.sessionIDs) == [[try world.session(of: other)]])
            #expect(try await world.events(PasswordChanged.self).map(\.userID) == [user.id])
        }
    }

    @Test("a log-in with the old password during its change leaves no session")
    func logInRace() async throws {
        try await World.with { world async throws in
            let user = try await world.register("mia")
            let change = ChangePassword(
                userID: user.id, sessionID: SessionID(rawValue: 1), currentPassword: World.password, newPassword: "battery staple"
            )
            let results = await atOnce(20) { number -> LogIn.Response? in
                if number != 10 { return try await world.logIn("mia") }
                _ = try await world.other.accounts.changePassword(change)
                return nil
            }
            #expect(try results[10].get() == nil)
            for tokens in results.compactMap({ $0.value??.tokens }) {
                #expect(
                    await refusal { try await world.one.sessions.refresh(RefreshSession(refreshToken: tokens.refreshToken)) }
                        == .unauthenticated)
            }
            #expect(try await world.count("SELECT count(*) FROM sessions WHERE revoked_at IS NULL") == 0)
        }
    }

    @Test("of two concurrent changes of one password, one succeeds")
    func changeRace() async throws {
        try await World.with { world async throws in
            let user = try await world.register("mia")
            let results = await atOnce(4) { number in
                try await world.one.accounts.changePassword(
                    ChangePassword(
                        userID: user.id, sessionID: SessionID(rawValue: 1), currentPassword: World.password,
                        newPassword: "battery staple \(number)"))
            }
            // A request that reads the password after the commit finds its current password wrong.
            #expect(results.compactMap(\.value).count == 1)
            #expect(results.compactMap(\.code).allSatisfy { $0 == .conflict || $0 == .denied })
        }
    }

    @Test("the list of revocations covers the lifetime of an access token, page by page")
    func feed() async throws {
        try await World.with { world async throws in
            let user = try await world.register("mia")
            let old = try world.session(of: try await world.logIn("mia").tokens)
            let recent = try world.session(of: try await world.logIn("mia").tokens)
            let start = world.clock.now
            _ = try await world.one.sessions.revoke(RevokeSession(userID: user.id, sessionID: old))
            world.clock.advance(.seconds(961))
            _ = try await world.one.sessions.revoke(RevokeSession(userID: user.id, sessionID: recent))
            #expect(try await world.other.sessions.revocations(ListRevocations(since: start)) == .init(sessionIDs: [recent]))
            try await world.database.execute(
                """
                INSERT INTO sessions SELECT 1000000 + n, \(user.id), 'x', decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'),
                    \(start), \(start), \(start), \(world.clock.now) FROM generate_series(1, 10001) n
                """)
            let first = try await world.one.sessions.revocations(ListRevocations(since: start))
            let second = try await world.one.sessions.revocations(ListRevocations(since: start, after: first.next))
            #expect(first.sessionIDs.count == 10_000 && second.next == nil)
            #expect(Set(first.sessionIDs + second.sessionIDs).count == 10_002)
        }
    }

    @Test(
        "an expired session is revoked once and announced; a refreshed session is not"
    )
    func expired() async throws {
        try await World.with { world async throws in
            _ = try await world.register("mia")
            let idle = try world.session(of: try await world.logIn("mia").tokens)
            let start = world.clock.now
            world.clock.advance(.seconds(86_400))
            let busy = try world.session(of: try await world.logIn("mia").tokens)
            let store = world.one.sessions.store
            #expect(try await store.endExpired(now: world.clock.now) == 0)
            world.clock.advance(.seconds(30 * 86_400 - 86_400))
            async let one = store.endExpired(now: world.clock.now)
            async let other = world.other.sessions.store.endExpired(now: world.clock.now)
            #expect(try await one + other == 1)
            #expect(try await world.one.sessions.revocations(ListRevocations(since: world.clock.now)).sessionIDs == [idle])
            #expect(try await world.one.sessions.revocations(ListRevocations(since: start)).sessionIDs.contains(busy) == false)
            #expect(try await world.count("SELECT count(*) FROM outbox WHERE type = 'users.session.revoked.v1'") <= 1)
        }
    }

    @Test("sessions that ended long ago are deleted, others are kept")
    func sweep() async throws {
        try await World.with { world async throws in
            let user = try await world.register("mia")
            let revoked = try world.session(of: try await world.logIn("mia").tokens)
            _ = try await world.one.sessions.revoke(RevokeSession(userID: user.id, sessionID: revoked))
            let kept = try await world.logIn("mia").tokens
            let store = world.one.sessions.store
            world.clock.advance(.seconds(86_400))
            try await store.sweep(now: world.clock.now)
            #expect(try await world.count("SELECT count(*) FROM sessions") == 2)
            world.clock.advance(.milliseconds(1))
            try await store.sweep(now: world.clock.now)
            #expect(
                try await world.database.query("SELECT id FROM sessions", as: SessionID.self) == [try world.session(of: kept)])
        }
    }

    @Test("a hash with old parameters is replaced at the next log-in")
    func rehash() async throws {
        try await World.with { world async throws in
            _ = try await world.register("mia")
            let sessions = try await world.dearer()
            for _ in 0..<2 { _ = try await sessions.logIn(LogIn(username: "mia", password: World.password)) }
            // An instance with the old parameters keeps the hash.
            _ = try await world.logIn("mia")
            let stored = try await world.database.one("SELECT password_hash FROM accounts", as: String.self)
            #expect(stored.contains("m=8192,t=2,"))
        }
    }

    @Test("concurrent log-ins that replace the hash all succeed, and so does a later change of the password")
    func rehashRace() async throws {
        try await World.with { world async throws in
            let user = try await world.register("mia")
            let sessions = try await world.dearer()
            let results = await atOnce(8) { _ in try await sessions.logIn(LogIn(username: "mia", password: World.password)) }
            #expect(results.compactMap(\.value).count == 8)
            _ = try await world.one.accounts.changePassword(
                ChangePassword(
                    userID: user.id, sessionID: SessionID(rawValue: 1), currentPassword: World.password,
                    newPassword: "battery staple"))
            #expect(try await world.count("SELECT count(*) FROM sessions WHERE revoked_at IS NULL") == 0)
        }
    }

    @Test("a user has at most a hundred sessions: the longest unused one is revoked and announced")
    func most() async throws {
        try await World.with { world async throws in
            let user = try await world.register("mia")
            try await world.insertSessions(of: user.id, 100, expiring: world.clock.now + .seconds(86_400))
            world.clock.advance(.seconds(60))
            let tokens = try await world.logIn("mia").tokens
            #expect(try await world.count("SELECT count(*) FROM sessions WHERE revoked_at IS NULL") == 100)
            #expect(try await world.events(SessionsRevoked.self).map(\.sessionIDs) == [[SessionID(rawValue: 1_000_001)]])
            _ = try await world.one.sessions.refresh(RefreshSession(refreshToken: tokens.refreshToken))
        }
    }

    @Test("a sweep deletes everything that has expired, in any number")
    func longSweep() async throws {
        try await World.with { world async throws in
            let user = try await world.register("mia", key: "k-1")
            try await world.insertSessions(of: user.id, 2_500, expiring: world.clock.now)
            try await world.database.execute(
                """
                INSERT INTO registrations SELECT 'k-' || n, \(user.id), 'mia', 'Mia', 'x', \(world.clock.now)
                FROM generate_series(2, 1500) n
                """)
            world.clock.advance(.seconds(86_401))
            let (one, logger) = (world.one, World.logger)
            let now = { @Sendable [clock = world.clock] in clock.now }
            await Sweeper(accounts: one.accounts.store, sessions: one.sessions.store, now: now, logger: logger).sweep()
            #expect(try await world.count("SELECT count(*) FROM sessions") == 0)
            #expect(try await world.count("SELECT count(*) FROM registrations") == 0)
        }
    }

    @Test("sessions are listed newest first, page by page")
    func pages() async throws {
        try await World.with { world async throws in
            let user = try await world.register("mia")
            var ids: [SessionID] = []
            for number in 0..<5 {
                if number % 2 == 0 { world.clock.advance(.milliseconds(1)) }
                ids.insert(try world.session(of: try await world.logIn("mia").tokens), at: 0)
            }
            var (found, after) = ([SessionID](), String?.none)
            repeat {
                let page = try await world.one.sessions.list(
                    ListSessions(userID: user.id, sessionID: ids[0], limit: 2, after: after))
                found += page.items.map(\.id)
                after = page.next
            } while after != nil
            #expect(found == ids)
            #expect(
                await refusal { try await world.one.sessions.list(ListSessions(userID: user.id, sessionID: ids[0], limit: 0)) }
                    == .invalid)
        }
    }
}

extension World {
    /// Returns ``one`` with twice the cost of a password hash.
    fileprivate func dearer() async throws -> SessionHandler {
        let hasher = try await PasswordHasher(cost: PasswordCost(operations: 2, memoryMiB: 8), pool: Self.pool)
        let before = one.sessions
        return SessionHandler(
            store: before.store, accounts: before.accounts, cache: before.cache, hasher: hasher, keys: before.keys,
            nextID: before.nextID, now: before.now, logger: Self.logger)
    }

    /// Inserts sessions with ids from 1,000,001 on, each used a little later than the previous one.
    fileprivate func insertSessions(of user: UserID, _ count: Int, expiring end: Timestamp) async throws {
        try await database.execute(
            """
            INSERT INTO sessions SELECT 1000000 + n, \(user), 'x', decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'),
                \(clock.now), \(clock.now) + n * interval '1 millisecond', \(end), NULL FROM generate_series(1, \(count)) n
            """)
    }
}
