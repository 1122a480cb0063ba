import Contracts
import Postgres
import TestSupport
import Testing

@testable import Chats

@Suite("Members in the database") struct MemberStoreTests {
    func set(_ database: ChatsDatabase, _ actor: UserID, _ chat: ChatID, _ member: UserID, _ role: ChatRole = .member)
        async throws -> MemberChange?
    {
        try await database.members.set(
            SetMember(userID: actor, chatID: chat, memberID: member, role: role), isKnown: true, deadline: ChatsDatabase.soon)
    }

    func remove(_ database: ChatsDatabase, _ actor: UserID, _ chat: ChatID, _ member: UserID) async throws -> MemberChange? {
        try await database.members.remove(
            RemoveMember(userID: actor, chatID: chat, memberID: member), deadline: ChatsDatabase.soon)
    }

    func roles(_ database: ChatsDatabase, _ chat: ChatID) async throws -> [UserID: ChatRole] {
        let members = try await database.members.members(of: chat, after: nil, limit: 1_000)
        return Dictionary(uniqueKeysWithValues: members.map { ($0.userID, $0.role) })
    }

    @Test("whoever joins sees what is sent from then on, and nothing of it is unread before")
    func joining() async throws {
        try await ChatsDatabase.with { database in
            let (anna, ben, carl) = (ChatsDatabase.user(), ChatsDatabase.user(), ChatsDatabase.user())
            let chat = try await database.group([anna, ben])
            try await database.send(from: anna, to: chat)
            #expect(try await set(database, anna, chat, carl)?.kind == .added)
            try await database.newChats.lead([carl], to: chat)
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

    @Test("whoever comes back begins anew; whoever left is shown the chat as left, and no more of it")
    func leaving() async throws {
        try await ChatsDatabase.with { database in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            let chat = try await database.group([anna, ben], title: "secret")
            try await database.send(from: anna, to: chat)
            let change = try await remove(database, ben, chat, ben)
            #expect(change?.kind == .removed && change?.facts.map(\.change) == [.removed] && change?.member == nil)
            #expect(try await remove(database, ben, chat, ben)?.kind == MemberChange.Kind.none)
            try await database.send(from: anna, to: chat)
            #expect(try await database.views.chat(chat, for: ben) == nil)
            #expect(try await database.views.list(for: ben, after: nil, limit: 10).chats.isEmpty)
            let left = try await database.views.list(for: ben, changedFrom: Timestamp(0), after: nil, limit: 10).chats
            #expect(left.map(\.left) == [true] && left[0].lastMessage == nil && left[0].title == nil && left[0].rev == 3)
            #expect(try await set(database, anna, chat, ben)?.kind == .added)
            let view = try await database.views.chat(chat, for: ben)
            #expect(view?.unread == 0 && view?.readSeq == 2 && view?.memberCount == 2)
            #expect(
                try await database.views.list(for: ben, changedFrom: Timestamp(0), after: nil, limit: 10).chats.map(\.left) == [
                    nil
                ])
        }
    }

    @Test("the last owner hands over: to the oldest admin, else to the oldest member, and leaves an empty group at last")
    func handingOver() async throws {
        try await ChatsDatabase.with { database in
            let users = (0..<4).map { _ in ChatsDatabase.user() }
            let chat = try await database.group([users[0], users[1], users[2]])
            _ = try await set(database, users[0], chat, users[3], .admin)
            let change = try await remove(database, users[0], chat, users[0])
            #expect(change?.facts.map(\.change) == [.roleChanged, .removed])
            #expect(change?.facts.map(\.rev) == [3, 4] && change?.rev == 4)
            #expect(try await roles(database, chat) == [users[1]: .member, users[2]: .member, users[3]: .owner])
            _ = try await remove(database, users[3], chat, users[3])
            #expect(try await roles(database, chat) == [users[1]: .owner, users[2]: .member])
            _ = try await remove(database, users[1], chat, users[1])
            let last = try await remove(database, users[2], chat, users[2])
            #expect(last?.facts.map(\.change) == [.removed])
            #expect(try await roles(database, chat).isEmpty)
            #expect(try await database.pool.one("SELECT member_count FROM chats WHERE id = \(chat)", as: Int.self) == 0)
        }
    }

    @Test("two owners who step down at once leave one")
    func steppingDown() async throws {
        try await ChatsDatabase.with { database in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            for _ in 0..<5 {
                let chat = try await database.group([anna, ben])
                _ = try await set(database, anna, chat, ben, .owner)
                await withTaskGroup(of: Void.self) { group in
                    for user in [anna, ben] { group.addTask { _ = try? await set(database, user, chat, user, .member) } }
                }
                #expect(try await roles(database, chat).values.filter { $0 == .owner }.count == 1)
            }
        }
    }

    @Test("rules hold: 1,000 members, blocks, and who was never asked about")
    func refusals() async throws {
        try await ChatsDatabase.with { database in
            let (anna, ben, carl) = (ChatsDatabase.user(), ChatsDatabase.user(), ChatsDatabase.user())
            let full = try await database.group([anna] + (1...999).map { _ in ChatsDatabase.user() })
            var error = await #expect(throws: ServiceError.self) { try await set(database, anna, full, ben) }
            #expect(error?.code == .conflict)
            let chat = try await database.group([anna, ben])
            try await database.block(carl, anna)
            error = await #expect(throws: ServiceError.self) { try await set(database, anna, chat, carl) }
            #expect(error?.code == .denied)
            let asked = try await database.members.set(
                SetMember(userID: anna, chatID: chat, memberID: ChatsDatabase.user(), role: .member), isKnown: false,
                deadline: ChatsDatabase.soon)
            #expect(asked == nil)
            #expect(try await roles(database, chat).count == 2)
            error = await #expect(throws: ServiceError.self) { try await set(database, anna, ChatID(rawValue: 1), ben) }
            #expect(error?.code == .notFound)
        }
    }

    @Test("pages of members follow the order of joining")
    func pages() async throws {
        try await ChatsDatabase.with { database in
            let users = (0..<5).map { _ in ChatsDatabase.user() }
            let chat = try await database.group(Array(users[..<3]))
            for user in users[3...] { _ = try await set(database, users[0], chat, user) }
            var (found, after) = ([UserID](), PageCursor?.none)
            repeat {
                let page = try await database.members.members(of: chat, after: after, limit: 2)
                found += page.map(\.userID)
                after = page.last.map { PageCursor(time: $0.joinedAt, id: $0.userID.rawValue) }
            } while after != nil
            #expect(found == users)
        }
    }

    @Test("a title takes a rev; the same title does not, byte by byte")
    func renaming() async throws {
        try await ChatsDatabase.with { database in
            let anna = ChatsDatabase.user()
            let chat = try await database.group([anna, ChatsDatabase.user()])
            let request = UpdateChat(userID: anna, chatID: chat, title: "new")
            #expect(try await database.members.rename(request, deadline: ChatsDatabase.soon))
            #expect(try await database.members.rename(request, deadline: ChatsDatabase.soon) == false)
            let view = try await database.views.chat(chat, for: anna)
            #expect(view?.title == "new" && view?.rev == 2)
            // Looks alike, and is not the same.
            for title in ["\u{e9}", "e\u{301}"] {
                let request = UpdateChat(userID: anna, chatID: chat, title: title)
                #expect(try await database.members.rename(request, deadline: ChatsDatabase.soon))
            }
        }
    }
}
