import Contracts
import Postgres
import Testing

@testable import Chats

@Suite("Handlers") struct HandlerTests {
    @Test("a user who does not exist cannot be added to a chat")
    func unknownPeople() async throws {
        try await ChatsProcess.pair { process, _ in
            let anna = ChatsDatabase.user()
            for (kind, title) in [(ChatKind.direct, nil), (.group, "t")] {
                let error = await #expect(throws: ServiceError.self) {
                    try await process.create(kind, by: anna, with: [ChatsProcess.unknown], title: title)
                }
                #expect(error?.code == .invalid && error?.fields.map(\.field) == ["members"])
            }
            let chat = try await process.group([anna, ChatsDatabase.user()])
            let error = await #expect(throws: ServiceError.self) {
                try await process.set(ChatsProcess.unknown, in: chat, by: anna)
            }
            #expect(error?.code == .notFound)
            #expect(try await process.reading.chat(GetChat(userID: anna, chatID: chat)).memberCount == 2)
        }
    }

    @Test("a refused group leaves nothing behind, even if the transaction refuses it")
    func refusedGroups() async throws {
        try await ChatsProcess.pair { process, _ in
            let (anna, ben, carl) = (ChatsDatabase.user(), ChatsDatabase.user(), ChatsDatabase.user())
            try await process.database.block(ben, anna)
            let database = process.database
            let lateBlock = NewChatHandler(
                store: database.newChats, views: database.views, caches: process.caches, users: UserDirectory { Set($0) },
                nextID: {
                    try await database.block(carl, anna)
                    return ChatID(rawValue: ChatsDatabase.id())
                })
            for (handler, member) in [(process.newChats, ben), (lateBlock, carl)] {
                let request = CreateChat(creatorID: anna, kind: .group, title: "t", members: [member], idempotencyKey: "k")
                let error = await #expect(throws: ServiceError.self) {
                    try await handler.create(request, deadline: ChatsDatabase.soon)
                }
                #expect(error?.code == .denied)
            }
            for table in ["memberships", "chats", "creations"] as [SQL] {
                #expect(try await database.pool.one("SELECT count(*) FROM \(table)", as: Int.self) == 0)
            }
        }
    }

    @Test("unknown kinds and roles are refused with the name of the field")
    func unknownKinds() async throws {
        try await ChatsProcess.pair { process, _ in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            let kind = await #expect(throws: ServiceError.self) {
                try await process.create(ChatKind(rawValue: "channel"), by: anna, with: [ben], title: "t")
            }
            #expect(kind?.fields.map(\.field) == ["kind"])
            let chat = try await process.group([anna, ben])
            let role = await #expect(throws: ServiceError.self) {
                try await process.set(ben, ChatRole(rawValue: "guest"), in: chat, by: anna)
            }
            #expect(role?.fields.map(\.field) == ["role"])
        }
    }

    @Test("pages of chats return each chat once, and the first page's cursor returns later changes")
    func lists() async throws {
        try await ChatsProcess.pair { process, _ in
            let anna = ChatsDatabase.user()
            var chats: Set<ChatID> = []
            for _ in 0..<5 { chats.insert(try await process.create(.direct, by: anna, with: [ChatsDatabase.user()]).chat.id) }
            let first = try await process.reading.list(ListChats(userID: anna, limit: 3))
            let second = try await process.reading.list(ListChats(userID: anna, limit: 3, after: first.next))
            #expect(first.items.count == 3 && second.items.count == 2 && second.next == nil && second.cursor == nil)
            #expect(Set((first.items + second.items).map(\.id)) == chats)
            let cursor = try #require(first.cursor)
            try await process.send("hi", from: anna, to: second.items[1].id)
            let changed = try await process.reading.list(ListChats(userID: anna, limit: 100, changedSince: cursor))
            #expect(changed.items.first?.id == second.items[1].id && changed.items.first?.lastMessage?.text == "hi")
        }
    }

    @Test("invalid cursors, limits and positions are refused with the name of the field")
    func refusals() async throws {
        try await ChatsProcess.pair { process, _ in
            let (anna, chat) = (ChatsDatabase.user(), ChatID(rawValue: 1))
            func field(_ body: () async throws -> Void) async -> String? {
                do { try await body() } catch { return (error as? ServiceError)?.fields.first?.field }
                return nil
            }
            #expect(await field { _ = try await process.reading.list(ListChats(userID: anna, limit: 0)) } == "limit")
            #expect(await field { _ = try await process.reading.list(ListChats(userID: anna, limit: 1, after: "x")) } == "after")
            #expect(
                await field { _ = try await process.reading.list(ListChats(userID: anna, limit: 1, changedSince: "x")) }
                    == "changedSince")
            #expect(await field { _ = try await process.history(chat, for: anna, limit: 101) } == "limit")
            #expect(
                await field {
                    _ = try await process.members.list(ListMembers(userID: anna, chatID: chat, limit: 1, after: ""))
                }
                    == "after")
            let mark = MarkRead(userID: anna, chatID: chat, seq: -1)
            #expect(await field { _ = try await process.members.markRead(mark) } == "seq")
            let rename = UpdateChat(userID: anna, chatID: chat, title: "")
            #expect(await field { _ = try await process.members.rename(rename, deadline: ChatsDatabase.soon) } == "title")
        }
    }

    @Test("only members can list the members, page by page")
    func members() async throws {
        try await ChatsProcess.pair { process, _ in
            let users = (0..<5).map { _ in ChatsDatabase.user() }
            let chat = try await process.group(users)
            var (found, after) = ([UserID](), String?.none)
            repeat {
                let page = try await process.members.list(ListMembers(userID: users[1], chatID: chat, limit: 2, after: after))
                found += page.items.map(\.userID)
                after = page.next
            } while after != nil
            #expect(Set(found) == Set(users) && found.count == 5)
            await #expect(throws: ServiceError.noSuchChat) {
                try await process.members.list(ListMembers(userID: ChatsDatabase.user(), chatID: chat, limit: 2))
            }
        }
    }

    @Test("a role changes, repeating the change has no effect, and lists show it")
    func roles() async throws {
        try await ChatsProcess.pair { process, _ in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            let chat = try await process.group([anna, ben])
            for _ in 0..<2 {
                let answer = try await process.set(ben, .admin, in: chat, by: anna)
                #expect(answer.member.role == .admin && !answer.added)
            }
            #expect(try await process.reading.chat(GetChat(userID: ben, chatID: chat)).role == .admin)
            #expect(try await process.reading.chat(GetChat(userID: ben, chatID: chat)).rev == 2)
        }
    }

    @Test("a read marker moves only forward, and the unread count follows it")
    func markers() async throws {
        try await ChatsProcess.pair { process, _ in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            let chat = try await process.group([anna, ben])
            for text in ["a", "b", "c"] { try await process.send(text, from: anna, to: chat) }
            let moved = try await process.members.markRead(
                MarkRead(userID: ben, chatID: chat, seq: 2))
            #expect(moved == MarkRead.Response(readSeq: 2, unread: 1))
            let chats = try await process.reading.list(ListChats(userID: ben, limit: 1)).items
            #expect(chats.map(\.unread) == [1] && chats.map(\.readSeq) == [2])
            let events = try await process.database.pool.query("SELECT type FROM outbox", as: String.self)
            #expect(events.filter { $0 == "chats.read.moved.v1" }.count == 1)
            #expect(events.filter { $0 == "chats.message.sent.v1" }.count == 3)
            #expect(events.filter { $0 == "chats.chat.created.v1" }.count == 1)
        }
    }
}
