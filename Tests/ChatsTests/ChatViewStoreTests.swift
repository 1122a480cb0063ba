import Contracts
import Postgres
import PostgresTesting
import TestSupport
import Testing

@testable import Chats

@Suite("Chat lists in the database") struct ChatViewStoreTests {
    @Test("unread counts the messages of others after the read marker, however many the reader has sent")
    func unread() async throws {
        try await ChatsDatabase.with { database in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            let chat = try await database.direct(anna, ben)
            for number in 0..<10 { try await database.send(from: number % 3 == 0 ? ben : anna, to: chat) }
            #expect(try await database.views.chat(chat, for: ben)?.unread == 6)
            #expect(try await database.views.chat(chat, for: anna)?.unread == 4)
            func mark(_ seq: Int64) async throws -> MarkRead.Response {
                try await database.markers.markRead(MarkRead(userID: ben, chatID: chat, seq: seq))
            }
            #expect(try await mark(5) == MarkRead.Response(readSeq: 5, unread: 3))
            #expect(try await mark(2) == MarkRead.Response(readSeq: 5, unread: 3))
            #expect(try await mark(.max) == MarkRead.Response(readSeq: 10, unread: 0))
            try await database.send(
                (0..<600).map { .sample(in: chat, from: $0 % 2 == 0 ? anna : ben, "many \($0)") }.prefix(256).map(\.self))
            #expect(try await database.views.chat(chat, for: ben)?.unread == 128)
            #expect(try await database.views.chat(chat, for: anna)?.unread == 4 + 128)
            let stranger = MarkRead(userID: ChatsDatabase.user(), chatID: chat, seq: 1)
            await #expect(throws: ServiceError.noSuchChat) {
                try await database.markers.markRead(stranger)
            }
        }
    }

    @Test("chats are sorted newest first, and pages return each chat once")
    func pages() async throws {
        try await ChatsDatabase.with { database in
            let anna = ChatsDatabase.user()
            var chats: [ChatID] = []
            for _ in 0..<7 { chats.append(try await database.direct(anna, ChatsDatabase.user())) }
            for chat in chats.shuffled() {
                try await database.send(from: anna, to: chat)
                chats.removeAll { $0 == chat }
                chats.insert(chat, at: 0)
            }
            // Several chats have the same time, so that the id decides.
            try await database.pool.execute("UPDATE chats SET updated_at = date_trunc('second', updated_at)")
            let all = try await database.views.list(for: anna, after: nil, limit: 100).chats
            #expect(all == all.sorted { ($0.updatedAt, $0.id) > ($1.updatedAt, $1.id) } && all.count == 7)
            var (found, after) = ([Chat](), PageCursor?.none)
            repeat {
                let page = try await database.views.list(for: anna, after: after, limit: 2).chats
                found += page
                after = page.last.map { PageCursor(time: $0.updatedAt, id: $0.id.rawValue) }
            } while after != nil
            #expect(found == all)
        }
    }

    @Test("a change with an earlier time that commits after a list was read is returned for that list's cursor")
    func neverMissed() async throws {
        try await ChatsDatabase.with { database in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            let chat = try await database.group([anna, ben])
            try await database.pool.execute("UPDATE chats SET updated_at = updated_at - interval '1 hour'")
            try await database.pool.execute("UPDATE members SET changed_at = changed_at - interval '1 hour'")
            let sending = try await database.pool.transaction { transaction in
                // A send that has its time but has not committed.
                try await transaction.execute(
                    "UPDATE chats SET last_seq = 1, rev = 2, updated_at = \(SQL.clock) WHERE id = \(chat)")
                let (before, askedAt) = try await database.views.list(for: ben, after: nil, limit: 10)
                #expect(before.map(\.rev) == [1])
                return ChangesCursor(askedAt: askedAt)
            }
            let changed = try await database.views.list(for: ben, changedFrom: sending.from, after: nil, limit: 10).chats
            #expect(changed.map(\.rev) == [2])
        }
    }

    @Test("the list of changes has sends, titles, members and the user's own markers, but not those of others")
    func changes() async throws {
        try await ChatsDatabase.with { database in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            let chat = try await database.group([anna, ben])
            try await database.send(from: anna, to: chat)
            func changed(for user: UserID) async throws -> Bool {
                let from = try await database.pool.one("SELECT \(SQL.clock) - interval '30 minutes'", as: Timestamp.self)
                return try await !database.views.list(for: user, changedFrom: from, after: nil, limit: 10).chats.isEmpty
            }
            func age() async throws {
                try await database.pool.execute("UPDATE chats SET updated_at = updated_at - interval '1 hour'")
                try await database.pool.execute("UPDATE members SET changed_at = changed_at - interval '1 hour'")
            }
            #expect(try await changed(for: ben))
            try await age()
            #expect(try await !changed(for: ben))
            _ = try await database.markers.markRead(MarkRead(userID: ben, chatID: chat, seq: 1))
            #expect(try await changed(for: ben))
            #expect(try await !changed(for: anna))
            try await age()
            _ = try await database.members.rename(
                UpdateChat(userID: anna, chatID: chat, title: "new"), deadline: ChatsDatabase.soon)
            #expect(try await changed(for: ben))
            try await age()
            _ = try await database.members.remove(
                RemoveMember(userID: anna, chatID: chat, memberID: ben), deadline: ChatsDatabase.soon)
            #expect(try await changed(for: ben))
            #expect(try await changed(for: anna))
            try await age()
            try await database.send(from: anna, to: chat)
            #expect(try await !changed(for: ben))
            #expect(try await changed(for: anna))
        }
    }
}
