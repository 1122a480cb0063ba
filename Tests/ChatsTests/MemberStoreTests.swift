import Contracts
import Postgres
import TestSupport
import Testing

@testable import Chats

@Suite("Members in the database") struct MemberStoreTests {
    func set(
        _ member: UserID, _ role: ChatRole = .member, in chat: ChatID, by actor: UserID, on database: ChatsDatabase
    ) async throws -> MemberChange? {
        try await database.members.set(
            SetMember(userID: actor, chatID: chat, memberID: member, role: role), isKnown: true, deadline: ChatsDatabase.soon)
    }

    func remove(_ member: UserID, from chat: ChatID, by actor: UserID, on database: ChatsDatabase) async throws -> MemberChange? {
        try await database.members.remove(
            RemoveMember(userID: actor, chatID: chat, memberID: member), deadline: ChatsDatabase.soon)
    }

    func roles(_ database: ChatsDatabase, _ chat: ChatID) async throws -> [UserID: ChatRole] {
        let members = try await database.members.members(of: chat, after: nil, limit: 1_000)
        return Dictionary(uniqueKeysWithValues: members.map { ($0.userID, $0.role) })
    }

    @Test("a new member sees the messages sent after joining, and none before is unread")
    func joining() async throws {
        try await ChatsDatabase.with { database in
            let (anna, ben, carl) = (ChatsDatabase.user(), ChatsDatabase.user(), ChatsDatabase.user())
            let chat = try await database.group([anna, ben])
            try await database.send(from: anna, to: chat)
            #expect(try await set(carl, in: chat, by: anna, on: database)?.effect == .added)
            try await database.newChats.indexMemberships(of: [carl], in: chat)
            var view = try await database.views.chat(chat, for: carl)
            #expect(
                view?.unread == 0 && view?.readSeq == 1 && view?.lastMessage == nil && view?.memberCount == 3 && view?.rev == 3)
            try await database.send(from: anna, to: chat)
            view = try await database.views.chat(chat, for: carl)
            #expect(view?.unread == 1 && view?.lastMessage?.seq == 2)
            let key = MemberKey(chatID: chat, userID: carl)
            #expect(try await database.history.memberships([key])[key]?.membership.joinedSeq == 1)
        }
    }

    @Test("a rejoining member starts afresh, and a former member sees the chat only as left")
    func leaving() async throws {
        try await ChatsDatabase.with { database in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            let chat = try await database.group([anna, ben], title: "secret")
            try await database.send(from: anna, to: chat)
            let change = try await remove(ben, from: chat, by: ben, on: database)
            #expect(change?.effect == .removed && change?.events.map(\.change) == [.removed] && change?.member == nil)
            #expect(try await remove(ben, from: chat, by: ben, on: database)?.effect == MemberChange.Effect.none)
            try await database.send(from: anna, to: chat)
            #expect(try await database.views.chat(chat, for: ben) == nil)
            #expect(try await database.views.list(for: ben, after: nil, limit: 10).chats.isEmpty)
            let left = try await database.views.list(for: ben, changedFrom: Timestamp(0), after: nil, limit: 10).chats
            #expect(left.map(\.left) == [true] && left[0].lastMessage == nil && left[0].title == nil && left[0].rev == 3)
            #expect(try await set(ben, in: chat, by: anna, on: database)?.effect == .added)
            let view = try await database.views.chat(chat, for: ben)
            #expect(view?.unread == 0 && view?.readSeq == 2 && view?.memberCount == 2)
            #expect(
                try await database.views.list(for: ben, changedFrom: Timestamp(0), after: nil, limit: 10).chats.map(\.left) == [
                    nil
                ])
        }
    }

    @Test("ownership passes to the oldest admin, else to the oldest member, and the last owner can leave an empty group")
    func handingOver() async throws {
        try await ChatsDatabase.with { database in
            let users = (0..<4).map { _ in ChatsDatabase.user() }
            let chat = try await database.group([users[0], users[1], users[2]])
            _ = try await set(users[3], .admin, in: chat, by: users[0], on: database)
            let change = try await remove(users[0], from: chat, by: users[0], on: database)
            #expect(change?.events.map(\.change) == [.roleChanged, .removed])
            #expect(change?.events.map(\.rev) == [3, 4] && change?.rev == 4)
            #expect(try await roles(database, chat) == [users[1]: .member, users[2]: .member, users[3]: .owner])
            _ = try await remove(users[3], from: chat, by: users[3], on: database)
            #expect(try await roles(database, chat) == [users[1]: .owner, users[2]: .member])
            _ = try await remove(users[1], from: chat, by: users[1], on: database)
            let last = try await remove(users[2], from: chat, by: users[2], on: database)
            #expect(last?.events.map(\.change) == [.removed])
            #expect(try await roles(database, chat).isEmpty)
            #expect(try await database.pool.one("SELECT member_count FROM chats WHERE id = \(chat)", as: Int.self) == 0)
        }
    }

    @Test("of two owners who step down at once, one remains")
    func steppingDown() async throws {
        try await ChatsDatabase.with { database in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            for _ in 0..<5 {
                let chat = try await database.group([anna, ben])
                _ = try await set(ben, .owner, in: chat, by: anna, on: database)
                await withTaskGroup(of: Void.self) { group in
                    for user in [anna, ben] {
                        group.addTask { _ = try? await set(user, .member, in: chat, by: user, on: database) }
                    }
                }
                #expect(try await roles(database, chat).values.filter { $0 == .owner }.count == 1)
            }
        }
    }

    @Test("the rules hold for the limit of members, for blocks and for users who were not checked")
    func refusals() async throws {
        try await ChatsDatabase.with { database in
            let (anna, ben, carl) = (ChatsDatabase.user(), ChatsDatabase.user(), ChatsDatabase.user())
            let full = try await database.group([anna] + (1...999).map { _ in ChatsDatabase.user() })
            var error = await #expect(throws: ServiceError.self) { try await set(ben, in: full, by: anna, on: database) }
            #expect(error?.code == .conflict)
            let chat = try await database.group([anna, ben])
            try await database.block(carl, anna)
            error = await #expect(throws: ServiceError.self) { try await set(carl, in: chat, by: anna, on: database) }
            #expect(error?.code == .denied)
            let asked = try await database.members.set(
                SetMember(userID: anna, chatID: chat, memberID: ChatsDatabase.user(), role: .member), isKnown: false,
                deadline: ChatsDatabase.soon)
            #expect(asked == nil)
            #expect(try await roles(database, chat).count == 2)
            error = await #expect(throws: ServiceError.self) {
                try await set(ben, in: ChatID(rawValue: 1), by: anna, on: database)
            }
            #expect(error?.code == .notFound)
        }
    }

    @Test("pages of members follow the order of joining")
    func pages() async throws {
        try await ChatsDatabase.with { database in
            let users = (0..<5).map { _ in ChatsDatabase.user() }
            let chat = try await database.group(Array(users[..<3]))
            for user in users[3...] { _ = try await set(user, in: chat, by: users[0], on: database) }
            var (found, after) = ([UserID](), PageCursor?.none)
            repeat {
                let page = try await database.members.members(of: chat, after: after, limit: 2)
                found += page.map(\.userID)
                after = page.last.map { PageCursor(time: $0.joinedAt, id: $0.userID.rawValue) }
            } while after != nil
            #expect(found == users)
        }
    }

    @Test("a new title takes a rev, and an equal one does not, compared byte by byte")
    func renaming() async throws {
        try await ChatsDatabase.with { database in
            let anna = ChatsDatabase.user()
            let chat = try await database.group([anna, ChatsDatabase.user()])
            let request = UpdateChat(userID: anna, chatID: chat, title: "new")
            #expect(try await database.members.rename(request, deadline: ChatsDatabase.soon))
            #expect(try await database.members.rename(request, deadline: ChatsDatabase.soon) == false)
            let view = try await database.views.chat(chat, for: anna)
            #expect(view?.title == "new" && view?.rev == 2)
            // Looks the same, but has other bytes.
            for title in ["\u{e9}", "e\u{301}"] {
                let request = UpdateChat(userID: anna, chatID: chat, title: title)
                #expect(try await database.members.rename(request, deadline: ChatsDatabase.soon))
            }
        }
    }
}
