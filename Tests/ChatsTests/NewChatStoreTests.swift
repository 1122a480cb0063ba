import Contracts
import Postgres
import TestSupport
import Testing

@testable import Chats

@Suite("New chats in the database") struct NewChatStoreTests {
    @Test("concurrent and repeated reservations of a pair return one id")
    func pair() async throws {
        try await ChatsDatabase.with { database in
            let pair = try #require(UserPair(ChatsDatabase.user(), ChatsDatabase.user()))
            #expect(try await database.newChats.directChat(of: pair) == nil)
            let reserved = try await withThrowingTaskGroup(of: ChatID.self) { group in
                for number in Int64(1)...10 {
                    group.addTask { try await database.newChats.reserve(ChatID(rawValue: number), for: pair) }
                }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(reserved.count == 1)
            #expect(try await database.newChats.directChat(of: pair) == reserved.first)
        }
    }

    @Test("concurrent creations under one id create one chat")
    func once() async throws {
        try await ChatsDatabase.with { database in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            let id = ChatID(rawValue: ChatsDatabase.id())
            try await database.newChats.indexMemberships(of: [anna, ben], in: id)
            let results = try await withThrowingTaskGroup(of: NewChatStore.Creation.self) { group in
                for (one, other) in [(anna, ben), (ben, anna), (anna, ben), (ben, anna)] {
                    group.addTask {
                        let newChat = try NewChat(CreateChat(creatorID: one, kind: .direct, members: [other]))
                        return try await database.newChats.create(
                            newChat, id: id, hash: RequestHash(of: newChat), deadline: ChatsDatabase.soon)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(results.filter { $0 == .created }.count == 1 && results.filter { $0 == .exists }.count == 3)
            for user in [anna, ben] {
                let chat = try await database.views.chat(id, for: user)
                #expect(chat?.kind == .direct && chat?.memberCount == 2 && chat?.role == .member && chat?.rev == 1)
                #expect(try await database.views.list(for: user, after: nil, limit: 10).chats == [chat])
            }
        }
    }

    @Test("an index entry without a chat shows nothing")
    func leadsNowhere() async throws {
        try await ChatsDatabase.with { database in
            let anna = ChatsDatabase.user()
            try await database.newChats.indexMemberships(of: [anna], in: ChatID(rawValue: ChatsDatabase.id()))
            #expect(try await database.views.list(for: anna, after: nil, limit: 10).chats.isEmpty)
            let changed = try await database.views.list(for: anna, changedFrom: Timestamp(0), after: nil, limit: 10)
            #expect(changed.chats.isEmpty)
        }
    }

    @Test("a user who has blocked the creator cannot be added, and nothing is stored")
    func blocks() async throws {
        try await ChatsDatabase.with { database in
            let (anna, ben, carl) = (ChatsDatabase.user(), ChatsDatabase.user(), ChatsDatabase.user())
            try await database.block(ben, anna)
            let error = await #expect(throws: ServiceError.self) { try await database.group([anna, ben, carl]) }
            #expect(error?.code == .denied && error?.message.contains(ben.description) == true)
            await #expect(throws: ServiceError.self) { try await database.direct(anna, ben) }
            #expect(try await database.pool.query("SELECT id FROM chats").isEmpty)
            // A block restricts only the blocked user.
            _ = try await database.direct(ben, anna)
        }
    }

    @Test("keys older than a day are deleted, however many there are")
    func forgetting() async throws {
        try await ChatsDatabase.with { database in
            try await database.pool.execute(
                """
                INSERT INTO creations (user_id, key, chat_id, created_at, request_hash)
                SELECT n, 'k', n, clock_timestamp() - (n + 1) * interval '1 minute', '' FROM generate_series(0, 4999) n
                """)
            try await database.newChats.deleteExpiredKeys()
            #expect(try await database.pool.one("SELECT max(user_id) FROM creations", as: Int64.self) == 1_438)
        }
    }

    @Test("an Idempotency-Key creates one group, and is separate per request, user and day")
    func idempotency() async throws {
        try await ChatsDatabase.with { database in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            func create(_ title: String, by user: UserID) async throws -> NewChatStore.Creation {
                let newChat = try NewChat(
                    CreateChat(
                        creatorID: user, kind: .group, title: title, members: [user == anna ? ben : anna], idempotencyKey: "key"))
                return try await database.newChats.create(
                    newChat, id: ChatID(rawValue: ChatsDatabase.id()), hash: RequestHash(of: newChat),
                    deadline: ChatsDatabase.soon)
            }
            let results = try await withThrowingTaskGroup(of: NewChatStore.Creation.self) { group in
                for _ in 0..<8 { group.addTask { try await create("one", by: anna) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let chat = try await database.pool.one("SELECT id FROM chats", as: ChatID.self)
            #expect(results.filter { $0 == .created }.count == 1 && results.filter { $0 == .repeated(chat) }.count == 7)
            let error = await #expect(throws: ServiceError.self) { try await create("two", by: anna) }
            #expect(error?.code == .invalid && error?.fields.map(\.field) == ["Idempotency-Key"])
            #expect(try await create("two", by: ben) == .created)
            try await database.pool.execute("UPDATE creations SET created_at = created_at - interval '25 hours'")
            #expect(try await create("two", by: anna) == .created)
            #expect(try await create("two", by: anna) != .created)
            try await database.newChats.deleteExpiredKeys()
            #expect(try await database.pool.query("SELECT key FROM creations").count == 1)
        }
    }
}
