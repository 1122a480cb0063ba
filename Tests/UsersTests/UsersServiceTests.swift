import Bus
import Contracts
import Postgres
import TestSupport
import Testing

@testable import Users

@Suite("Users over the bus") struct UsersServiceTests {
    @Test("every procedure answers")
    func course() async throws {
        try await BusWorld.with { world async throws in
            let bff = world.bff
            let mia = try await bff.call(RegisterUser(username: "mia", password: World.password, displayName: "Mia"))
            let tom = try await bff.call(RegisterUser(username: "tom", password: World.password, displayName: "Tom"))
            let login = try await bff.call(LogIn(username: "mia", password: World.password))
            let tokens = try await bff.call(RefreshSession(refreshToken: login.tokens.refreshToken))
            let session = try world.world.session(of: tokens)
            #expect(try await bff.call(GetAccount(userID: mia.id)).user == mia)
            #expect(try await bff.call(UpdateProfile(userID: mia.id, version: 1, displayName: "Mia M")).version == 2)
            #expect(try await bff.call(GetKeys()).keys.map(\.kty) == ["OKP"])
            #expect(try await bff.call(ListSessions(userID: mia.id, sessionID: session)).items.map(\.current) == [true])
            #expect(try await world.chats.call(GetProfiles(ids: [tom.id])).users == [tom])
            #expect(try await bff.call(SearchUsers(query: "tom", limit: 10)).items == [tom])
            let step = ChangeContact(userID: mia.id, otherID: tom.id, step: .invite)
            #expect(try await bff.call(step).contact?.status == .sent)
            #expect(try await bff.call(ListContacts(userID: tom.id, limit: 10)).items.map(\.status) == [.received])
            _ = try await bff.call(SetBlock(userID: tom.id, otherID: mia.id, blocked: true))
            #expect(try await bff.call(ListBlocks(userID: tom.id, limit: 10)).items.map(\.userID) == [mia.id])
            _ = try await bff.call(
                ChangePassword(
                    userID: mia.id, sessionID: session, currentPassword: World.password, newPassword: "battery staple"))
            _ = try await bff.call(RevokeSession(userID: mia.id, sessionID: session))
            let revoked = try await bff.call(ListRevocations(since: world.world.clock.now))
            #expect(revoked.sessionIDs == [session])
        }
    }

    @Test("every change is announced, and the outbox is empty afterwards")
    func events() async throws {
        try await BusWorld.with { world async throws in
            let (bff, heard) = (world.bff, world.heard)
            let mia = try await bff.call(RegisterUser(username: "mia", password: World.password, displayName: "Mia"))
            let tom = try await bff.call(RegisterUser(username: "tom", password: World.password, displayName: "Tom"))
            let tokens = try await bff.call(LogIn(username: "mia", password: World.password)).tokens
            let session = try world.world.session(of: tokens)
            _ = try await bff.call(UpdateProfile(userID: mia.id, version: 1, displayName: "Mia M"))
            _ = try await bff.call(ChangeContact(userID: mia.id, otherID: tom.id, step: .invite))
            _ = try await bff.call(SetBlock(userID: tom.id, otherID: mia.id, blocked: true))
            _ = try await bff.call(RevokeSession(userID: mia.id, sessionID: session))
            try await eventually("the events") {
                heard.all(UserRegistered.self).count == 2 && heard.all(SessionStarted.self).count == 1
                    && heard.all(UserUpdated.self).count == 1 && heard.all(ContactChanged.self).count == 2
                    && heard.all(BlockChanged.self).count == 1 && heard.all(SessionsRevoked.self).count == 1 ? () : nil
            }
            #expect(heard.all(SessionsRevoked.self).first?.sessionIDs == [session])
            try await eventually("an empty outbox") {
                try await world.world.count("SELECT count(*) FROM outbox") == 0 ? () : nil
            }
        }
    }

    @Test("the event of a changed profile updates the cache when its writer died before doing so")
    func killedWriter() async throws {
        try await BusWorld.with { world async throws in
            let mia = try await world.bff.call(RegisterUser(username: "mia", password: World.password, displayName: "Mia"))
            #expect(try await world.bff.call(GetAccount(userID: mia.id)).version == 1)
            let change = ProfileStore.Change(displayName: try DisplayName("Mia M"), avatarURL: nil)
            _ = try await world.world.one.accounts.profiles.update(mia.id, ifVersion: 1, change)
            try await eventually("the new version") {
                try await world.bff.call(GetAccount(userID: mia.id)).version == 2 ? () : nil
            }
        }
    }

    @Test("a read that loses the database is unavailable, and nothing has happened")
    func lostRead() async throws {
        try await BusWorld.with { world async throws in
            let request = GetAccount(userID: UserID(rawValue: 9))
            try await world.world.database.transaction { transaction in
                try await transaction.execute("LOCK TABLE profiles IN ACCESS EXCLUSIVE MODE")
                let reading = Task { try await world.bff.call(request) }
                try await eventually("a read to kill") {
                    let killed = try await transaction.query(
                        """
                        SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted AND relation = 'profiles'::regclass
                        """)
                    return killed.count > 0 ? () : nil
                }
                let error = await #expect(throws: ServiceError.self) { try await reading.value }
                #expect(error?.code == .unavailable && error?.retryAfterMilliseconds == 1_000)
                #expect(error?.mayHaveHappened == false)
            }
        }
    }

    @Test("errors carry their fields, and only the allowed services may call")
    func refusals() async throws {
        try await BusWorld.with { world async throws in
            let bad = RegisterUser(username: "!", password: "short", displayName: "")
            let error = await #expect(throws: ServiceError.self) { try await world.bff.call(bad) }
            #expect(error?.code == .invalid && error?.fields.map(\.field) == ["username", "password", "displayName"])
            #expect(error?.mayHaveHappened == false)
            let unknown = LogIn(username: "stranger", password: World.password)
            #expect(await refusal { try await world.bff.call(unknown) } == .unauthenticated)
            #expect(await refusal { try await world.chats.call(unknown) } == .denied)
        }
    }
}
