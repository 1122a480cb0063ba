import Contracts
import Postgres
import ServiceKit
import TestSupport
import Testing

@testable import Users

@Suite("Profiles") struct ProfileTests {
    @Test("a change needs the current version and creates the next; all instances see it at once")
    func update() async throws {
        try await World.with { world async throws in
            let user = try await world.register("mia")
            _ = try await world.other.accounts.account(GetAccount(userID: user.id))
            let change = UpdateProfile(
                userID: user.id, version: 1, displayName: "Mia M", avatarURL: "https://a.example/1.png")
            let changed = try await world.one.accounts.update(change)
            #expect(changed.version == 2)
            #expect(changed.user.displayName == "Mia M" && changed.user.avatarURL == "https://a.example/1.png")
            #expect(try await world.other.accounts.account(GetAccount(userID: user.id)) == changed)
            #expect(await refusal { try await world.one.accounts.update(change) } == .stale)
            let removed = try await world.one.accounts.update(UpdateProfile(userID: user.id, version: 2, avatarURL: ""))
            #expect(removed.user.avatarURL == nil && removed.user.displayName == "Mia M")
            #expect(Set(try await world.events(UserUpdated.self).map(\.version)) == [2, 3])
        }
    }

    @Test("of twenty concurrent changes of one version, one succeeds")
    func race() async throws {
        try await World.with { world async throws in
            let user = try await world.register("mia")
            let results = await atOnce(20) { number in
                try await world.one.accounts.update(UpdateProfile(userID: user.id, version: 1, displayName: "Mia \(number)"))
            }
            let winners = results.compactMap(\.value)
            #expect(winners.count == 1)
            #expect(results.compactMap(\.code) == Array(repeating: .stale, count: 19))
            #expect(try await world.one.accounts.account(GetAccount(userID: user.id)) == winners.first)
        }
    }

    @Test("a change to the same values creates no version and no event; an invalid change stores nothing")
    func nothing() async throws {
        try await World.with { world async throws in
            let user = try await world.register("mia", displayName: "Mia")
            let same = try await world.one.accounts.update(UpdateProfile(userID: user.id, version: 1, displayName: "Mia"))
            #expect(same.version == 1)
            #expect(try await world.events(UserUpdated.self).isEmpty)
            let bad = UpdateProfile(userID: user.id, version: 1, displayName: "", avatarURL: "http://x")
            let error = await #expect(throws: ServiceError.self) { try await world.one.accounts.update(bad) }
            #expect(error?.fields.map(\.field) == ["displayName", "avatarUrl"])
            let stranger = UpdateProfile(userID: UserID(rawValue: 9), version: 1, displayName: "x")
            #expect(await refusal { try await world.one.accounts.update(stranger) } == .notFound)
            #expect(await refusal { try await world.one.accounts.account(GetAccount(userID: UserID(rawValue: 9))) } == .notFound)
        }
    }

    @Test("a stale writer sees the current version, even if its writer died before updating the cache")
    func untold() async throws {
        try await World.with { world async throws in
            let user = try await world.register("mia")
            let request = GetAccount(userID: user.id)
            _ = try await world.other.accounts.account(request)
            try await world.commitSilently(user.id, displayName: "Mia M")
            let change = UpdateProfile(userID: user.id, version: 1, displayName: "Mia")
            #expect(await refusal { try await world.one.accounts.update(change) } == .stale)
            let seen = try await world.other.accounts.account(request)
            #expect(seen.version == 2 && seen.user.displayName == "Mia M")
            let next = UpdateProfile(userID: user.id, version: seen.version, displayName: "Mia")
            #expect(try await world.other.accounts.update(next).version == 3)
        }
    }

    @Test("after a change with a lost answer the next reader asks the database")
    func lost() async throws {
        try await World.with { world async throws in
            let user = try await world.register("mia")
            let request = GetAccount(userID: user.id)
            _ = try await world.other.accounts.account(request)
            try await world.commitSilently(user.id, displayName: "Mia M")
            try await world.dieAtCommit()
            let change = UpdateProfile(userID: user.id, version: 2, displayName: "Mia")
            let error = await #expect(throws: PostgresError.self) { try await world.one.accounts.update(change) }
            #expect(error?.mayHaveHappened == true)
            #expect(try await world.other.accounts.account(request).version == 2)
        }
    }

    @Test("public profiles come in the requested order, without unknown users, within limits")
    func batch() async throws {
        try await World.with { world async throws in
            let (mia, tom) = (try await world.register("mia"), try await world.register("tom"))
            let stranger = UserID(rawValue: 9)
            let answer = try await world.one.profiles.profiles(
                GetProfiles(ids: [tom.id, stranger, mia.id, tom.id]), caller: .bff)
            #expect(answer.users == [tom, mia, tom])
            for (count, caller, isFine) in [
                (0, ServiceName.bff, false), (101, .bff, false), (1_000, .chats, true), (1_001, .chats, false),
            ] {
                let ids = (0..<count).map { UserID(rawValue: Int64(1_000_000 + $0)) }
                let refused = await refusal { try await world.one.profiles.profiles(GetProfiles(ids: ids), caller: caller) }
                #expect(refused == (isFine ? nil : .invalid))
            }
        }
    }
}

extension World {
    /// Changes a name like a process that dies before it updates the cache.
    fileprivate func commitSilently(_ user: UserID, displayName: String) async throws {
        let change = ProfileStore.Change(displayName: try DisplayName(displayName), avatarURL: nil)
        _ = try await one.accounts.profiles.update(user, ifVersion: 1, change)
    }

    /// Makes every later change of a profile lose its connection during COMMIT.
    fileprivate func dieAtCommit() async throws {
        _ = try await database.atomically([
            """
            CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$
            """,
            """
            CREATE CONSTRAINT TRIGGER die AFTER UPDATE ON profiles DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION die()
            """,
        ])
    }
}

@Suite("User search") struct SearchStoreTests {
    private func names(_ world: World, _ query: String, limit: Int = 100, after: String? = nil) async throws -> [String] {
        try await world.one.profiles.search(SearchUsers(query: query, limit: limit, after: after)).items.map(\.username)
    }

    @Test("finds any part of both names in any case, and escapes wildcards")
    func parts() async throws {
        try await World.with { world async throws in
            _ = try await world.register("martha", displayName: "ÄNNE Ünver")
            _ = try await world.register("tom_r", displayName: "100% Tom")
            _ = try await world.register("tomxr", displayName: #"Back\slash"#)
            #expect(try await names(world, "art") == ["martha"])
            #expect(try await names(world, "änne ü") == ["martha"])
            #expect(try await names(world, "NVER") == ["martha"])
            #expect(try await names(world, "tom_") == ["tom_r"])
            #expect(try await names(world, "00%") == ["tom_r"])
            #expect(try await names(world, #"k\s"#) == ["tomxr"])
            #expect(try await names(world, "stranger").isEmpty)
        }
    }

    @Test("treats composed and decomposed letters as equal")
    func normalization() async throws {
        try await World.with { world async throws in
            _ = try await world.register("zoe", displayName: "Zoe\u{308} Decomposed")
            _ = try await world.register("bob", displayName: "Zo\u{EB} Composed")
            for query in ["Zo\u{EB} ", "zoe\u{308} "] { #expect(try await names(world, query) == ["bob", "zoe"]) }
        }
    }

    @Test("usernames that begin with the query come first, and pages have no gap and no repeat")
    func pages() async throws {
        try await World.with { world async throws in
            for number in 0..<7 { _ = try await world.register("x-\(number)", displayName: "The Mara \(number)") }
            for number in 0..<6 { _ = try await world.register("mara\(number)", displayName: "Stranger") }
            let all = try await names(world, "mara")
            #expect(all == (0..<6).map { "mara\($0)" } + (0..<7).map { "x-\($0)" })
            var (found, after) = ([String](), String?.none)
            repeat {
                let page = try await world.one.profiles.search(SearchUsers(query: "MARA", limit: 3, after: after))
                found += page.items.map(\.username)
                after = page.next
            } while after != nil
            #expect(found == all)
        }
    }

    @Test("obeys the limits that an admin sets: page size and query length")
    func bounds() async throws {
        try await World.with { world async throws in
            for number in 0..<3 { _ = try await world.register("mara\(number)") }
            var bounds = SearchBounds()
            (bounds.most, bounds.shortest) = (2, 4)
            world.search.set(bounds)
            let page = try await world.one.profiles.search(SearchUsers(query: "mara", limit: 100))
            #expect(page.items.map(\.username) == ["mara0", "mara1"])
            #expect(try await names(world, "mara", after: page.next) == ["mara2"])
            let short = SearchUsers(query: "mar", limit: 101)
            let error = await #expect(throws: ServiceError.self) { try await world.one.profiles.search(short) }
            #expect(error?.fields.map(\.message) == ["must have 4 to 64 characters", "must be 1 to 100"])
        }
    }

    @Test("a new display name is found, the previous one is not")
    func renamed() async throws {
        try await World.with { world async throws in
            let user = try await world.register("mia", displayName: "Before")
            _ = try await world.one.accounts.update(UpdateProfile(userID: user.id, version: 1, displayName: "Behind"))
            #expect(try await names(world, "behind") == ["mia"])
            #expect(try await names(world, "before").isEmpty)
        }
    }

    @Test("log-ins succeed while searches hang")
    func hanging() async throws {
        try await World.with { world async throws in
            let user = try await world.register("mia")
            _ = try await world.one.accounts.account(GetAccount(userID: user.id))
            let searches = try await world.database.transaction { transaction in
                try await transaction.execute("LOCK TABLE profiles IN ACCESS EXCLUSIVE MODE")
                let searches = (0..<40).map { number in Task { try await names(world, "mia\(number)") } }
                try await eventually("searches that hang") {
                    try await world.count("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'profiles'::regclass")
                        > 0
                        ? () : nil
                }
                _ = try await world.logIn("mia")
                return searches
            }
            for search in searches { _ = await search.result }
            #expect(try await names(world, "mia") == ["mia"])
        }
    }

    @Test("invalid searches report every field")
    func invalid() async throws {
        try await World.with { world async throws in
            let bad = SearchUsers(query: "ab", limit: 101, after: "no")
            let error = await #expect(throws: ServiceError.self) { try await world.one.profiles.search(bad) }
            #expect(error?.fields.map(\.field) == ["search", "limit", "after"])
        }
    }

    @Test("the cache key of a page reads back as the page")
    func names() throws {
        for after in [nil, try SearchCursor("1mia")] {
            let page = SearchPage(query: try SearchQuery("a b - c"), limit: try PageLimit(20), after: after)
            #expect(SearchPage(page.description) == page)
        }
        for text in ["", "20", "20 -", "20 - ab", "0 - abc", "20 x abc"] { #expect(SearchPage(text) == nil) }
    }
}
