import Bus
import Contracts
import Postgres
import TestSupport
import Testing

@testable import Chats

@Suite("The chats service over the bus", .timeLimit(.minutes(5))) struct ChatsServiceTests {
    @Test("two users create a chat, send, read the history and mark it as read")
    func conversation() async throws {
        try await ChatsWorld.with { world in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            let opened = try await world.bff.call(CreateChat(creatorID: anna, kind: .direct, members: [ben]))
            #expect(opened.created && opened.chat.kind == .direct && opened.chat.memberCount == 2)
            let again = try await world.bff.call(CreateChat(creatorID: ben, kind: .direct, members: [anna]))
            #expect(!again.created && again.chat.id == opened.chat.id)
            let chat = opened.chat.id
            let first = try await world.send("hello", from: anna, to: chat).message
            let second = try await world.send("hi yourself", from: ben, to: chat, replyTo: 1).message
            let page = try await world.bff.call(GetHistory(userID: ben, chatID: chat, position: .newest, limit: 50))
            #expect(page.items == [first, second] && page.next == nil)
            let list = try await world.bff.call(ListChats(userID: anna, limit: 10)).items
            #expect(list.map(\.unread) == [1] && list[0].lastMessage == second)
            let read = try await world.bff.call(MarkRead(userID: anna, chatID: chat, seq: 2))
            #expect(read == MarkRead.Response(readSeq: 2, unread: 0))
            let members = try await world.bff.call(ListMembers(userID: anna, chatID: chat, limit: 10)).items
            #expect(members.first { $0.userID == anna }?.readSeq == 2)
        }
    }

    @Test("20 tasks send the same key over the bus: one message, one answer, one event")
    func race() async throws {
        try await ChatsWorld.with { world in
            let users = [ChatsDatabase.user(), ChatsDatabase.user()]
            let chat = try await world.group(users)
            let answers = try await withThrowingTaskGroup(of: SendMessage.Response.self) { group in
                for _ in 0..<20 { group.addTask { try await world.send("hi", from: users[0], to: chat, key: "same") } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(answers.map(\.message)).count == 1 && answers.filter { !$0.repeated }.count == 1)
            // The event of a later message has arrived, so the earlier one has too, except for a swept one.
            let last = try await world.send("last", from: users[0], to: chat).message
            try await eventually("the events") {
                world.events.messages.contains(last) && world.events.messages.count >= 2 ? () : nil
            }
            #expect(Set(world.events.messages) == [answers[0].message, last])
        }
    }

    @Test("under concurrent sends through both instances, seq is dense and every message is published")
    func load() async throws {
        try await ChatsWorld.with { world in
            let users = [ChatsDatabase.user(), ChatsDatabase.user()]
            let chats = [try await world.group(users), try await world.group(users), try await world.group(users)]
            let sent = try await withThrowingTaskGroup(of: Message.self) { group in
                for number in 0..<150 {
                    group.addTask { try await world.send("\(number)", from: users[number % 2], to: chats[number % 3]).message }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            for chat in chats {
                let page = try await world.bff.call(GetHistory(userID: users[0], chatID: chat, position: .newest, limit: 100))
                    .items
                #expect(page.map(\.seq) == Array(1...50))
                #expect(Set(page) == Set(sent.filter { $0.chatID == chat }))
            }
            try await eventually("all events") { Set(world.events.messages) == Set(sent) ? () : nil }
            try await eventually("an empty outbox") {
                try await world.database.pool.one("SELECT count(*) FROM outbox", as: Int.self) == 0 ? () : nil
            }
        }
    }

    @Test("a block by users stops the messages of the blocked user, and its end permits them again")
    func blocks() async throws {
        try await ChatsWorld.with { world in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            let chat = try await world.bff.call(CreateChat(creatorID: anna, kind: .direct, members: [ben])).chat.id
            for (rev, blocked) in [(Int64(1), true), (2, false)] {
                try await world.users.broadcast(BlockChanged(userID: anna, otherID: ben, blocked: blocked, rev: rev))
                try await eventually("the block") {
                    do {
                        try await world.send("hi", from: ben, to: chat)
                        return blocked ? nil : ()
                    } catch let error as ServiceError where error.code == .denied {
                        return blocked ? () : nil
                    }
                }
            }
        }
    }

    @Test("refusals arrive as errors with their fields")
    func refusals() async throws {
        try await ChatsWorld.with { world in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            let chat = try await world.group([anna, ben])
            func refusal(_ body: () async throws -> Void) async -> ServiceError? {
                do { try await body() } catch { return error as? ServiceError }
                return nil
            }
            let empty = await refusal { try await world.send("", from: anna, to: chat, key: "") }
            #expect(empty?.code == .invalid && empty?.fields.map(\.field) == ["text", "clientMessageId"])
            let stranger = await refusal { try await world.send("hi", from: ChatsDatabase.user(), to: chat) }
            #expect(stranger?.code == .notFound)
            let unknown = await refusal {
                _ = try await world.bff.call(CreateChat(creatorID: anna, kind: .direct, members: [ChatsProcess.unknown]))
            }
            #expect(unknown?.fields.map(\.field) == ["members"])
            let promotion = await refusal {
                _ = try await world.bff.call(SetMember(userID: ben, chatID: chat, memberID: ben, role: .owner))
            }
            #expect(promotion?.code == .denied)
            let foreign = await refusal { _ = try await world.users.call(GetChat(userID: anna, chatID: chat)) }
            #expect(foreign?.code == .denied)
        }
    }

    @Test("all members see changes of members, roles and title")
    func group() async throws {
        try await ChatsWorld.with { world in
            let (anna, ben, carl) = (ChatsDatabase.user(), ChatsDatabase.user(), ChatsDatabase.user())
            let chat = try await world.group([anna, ben])
            try await world.send("before", from: anna, to: chat)
            let added = try await world.bff.call(SetMember(userID: anna, chatID: chat, memberID: carl, role: .admin))
            #expect(added.added && added.member.role == .admin)
            #expect(try await world.bff.call(UpdateChat(userID: carl, chatID: chat, title: "new")).title == "new")
            #expect(try await world.bff.call(GetHistory(userID: carl, chatID: chat, position: .newest, limit: 9)).items.isEmpty)
            _ = try await world.bff.call(RemoveMember(userID: anna, chatID: chat, memberID: anna))
            let view = try await world.bff.call(GetChat(userID: carl, chatID: chat))
            #expect(view.role == .owner && view.memberCount == 2 && view.title == "new")
            let left = try await world.bff.call(
                ListChats(userID: anna, limit: 9, changedSince: ChangesCursor(askedAt: view.createdAt).text))
            #expect(left.items.map(\.left) == [true])
        }
    }
}
