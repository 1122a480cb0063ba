import Contracts
import Postgres
import TestSupport
import Testing

@testable import Chats

@Suite("Two processes of chats", .timeLimit(.minutes(5))) struct TwoProcessesTests {
    @Test("20 tasks send the same key through both: one message, one answer")
    func sameKey() async throws {
        try await ChatsProcess.pair { one, other in
            let users = [ChatsDatabase.user(), ChatsDatabase.user()]
            let chat = try await one.group(users)
            let answers = try await withThrowingTaskGroup(of: SendMessage.Response.self) { group in
                for number in 0..<20 {
                    group.addTask {
                        try await (number.isMultiple(of: 2) ? one : other).send("hi", from: users[0], to: chat, key: "same")
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(answers.map(\.message)).count == 1)
            #expect(answers.filter { !$0.repeated }.count == 1)
            #expect(try await other.history(chat, for: users[1]).items == [answers[0].message])
        }
    }

    @Test("a message sent through one is at once readable through the other, with and without Redis", arguments: [true, false])
    func ownWrites(redis: Bool) async throws {
        try await ChatsProcess.pair(redis: redis) { one, other in
            let users = [ChatsDatabase.user(), ChatsDatabase.user()]
            let chat = try await one.group(users)
            #expect(try await other.history(chat, for: users[1]).items.isEmpty)
            for number in 1...30 {
                let (writer, reader) = number.isMultiple(of: 2) ? (one, other) : (other, one)
                let sent = try await writer.send("\(number)", from: users[number % 2], to: chat).message
                for process in [reader, writer] {
                    #expect(try await process.history(chat, for: users[0], limit: 3).items.last == sent)
                    #expect(try await process.history(chat, for: users[1], .after(seq: sent.seq - 1)).items == [sent])
                }
            }
        }
    }

    @Test("a send updates a page that is being read, without reloading it")
    func appended() async throws {
        try await ChatsProcess.pair { one, other in
            let users = [ChatsDatabase.user(), ChatsDatabase.user()]
            let chat = try await one.group(users)
            #expect(try await one.history(chat, for: users[0]).items.isEmpty)
            try await one.send("first", from: users[0], to: chat)
            #expect(try await one.history(chat, for: users[0]).items.map(\.text) == ["first"])
            try await one.send("second", from: users[0], to: chat)
            // The change bypasses the service, so that a reload becomes visible.
            try await one.database.pool.execute("UPDATE messages SET text = 'loaded'")
            for process in [one, other] {
                #expect(try await process.history(chat, for: users[1]).items.map(\.text) == ["first", "second"])
            }
            // A page without readers is not updated: after two sends, the next reader loads it.
            try await other.send("third", from: users[1], to: chat)
            try await other.send("fourth", from: users[1], to: chat)
            #expect(try await one.history(chat, for: users[0]).items.map(\.text) == ["loaded", "loaded", "third", "fourth"])
        }
    }

    @Test("the newest page is correct during concurrent sends", arguments: [true, false])
    func concurrentReads(redis: Bool) async throws {
        try await ChatsProcess.pair(redis: redis) { one, other in
            let users = [ChatsDatabase.user(), ChatsDatabase.user()]
            let chat = try await one.group(users)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (process, user) in [(one, users[0]), (other, users[1])] {
                    group.addTask { for number in 0..<40 { try await process.send("\(number)", from: user, to: chat) } }
                    group.addTask {
                        var seen = Int64(0)
                        while seen < 80 {
                            let page = try await process.history(chat, for: user, limit: 20).items
                            let last = page.last?.seq ?? 0
                            #expect(last >= seen)
                            #expect(page.map(\.seq) == Array(max(1, last - 19)..<last + 1))
                            seen = last
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("removing and adding a member through one takes effect through the other", arguments: [true, false])
    func membership(redis: Bool) async throws {
        try await ChatsProcess.pair(redis: redis) { one, other in
            let (anna, ben, carl) = (ChatsDatabase.user(), ChatsDatabase.user(), ChatsDatabase.user())
            let chat = try await one.group([anna, ben])
            try await one.send("before", from: anna, to: chat)
            await #expect(throws: ServiceError.noSuchChat) { try await other.history(chat, for: carl) }
            #expect(try await one.set(carl, in: chat, by: anna).added)
            #expect(try await other.history(chat, for: carl).items.isEmpty)
            try await one.send("after", from: anna, to: chat)
            #expect(try await other.history(chat, for: carl).items.map(\.text) == ["after"])
            #expect(try await other.history(chat, for: ben).items.count == 2)
            try await one.remove(ben, from: chat, by: anna)
            await #expect(throws: ServiceError.noSuchChat) { try await other.history(chat, for: ben) }
            await #expect(throws: ServiceError.noSuchChat) {
                try await other.members.list(ListMembers(userID: ben, chatID: chat, limit: 10))
            }
        }
    }

    @Test("concurrent creations of a direct chat through both processes create one chat")
    func pair() async throws {
        try await ChatsProcess.pair { one, other in
            for _ in 0..<5 {
                let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
                let answers = try await withThrowingTaskGroup(of: CreateChat.Response.self) { group in
                    for number in 0..<6 {
                        let (process, user, mate) = number.isMultiple(of: 2) ? (one, anna, ben) : (other, ben, anna)
                        group.addTask { try await process.create(.direct, by: user, with: [mate]) }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(Set(answers.map(\.chat.id)).count == 1)
                #expect(answers.filter(\.created).count == 1)
                for user in [anna, ben] {
                    #expect(
                        try await one.reading.list(ListChats(userID: user, limit: 10)).items.map(\.id) == [answers[0].chat.id])
                }
            }
        }
    }

    @Test("the next request completes a pair whose creator died after the reservation")
    func completion() async throws {
        try await ChatsProcess.pair { one, other in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            let reserved = try await one.database.newChats.reserve(
                ChatID(rawValue: ChatsDatabase.id()), for: try #require(UserPair(anna, ben)))
            await #expect(throws: ServiceError.noSuchChat) { try await one.reading.chat(GetChat(userID: anna, chatID: reserved)) }
            let answer = try await other.create(.direct, by: ben, with: [anna])
            #expect(answer.created && answer.chat.id == reserved)
        }
    }

    @Test("the same Idempotency-Key through both creates one group")
    func idempotency() async throws {
        try await ChatsProcess.pair { one, other in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            let answers = try await withThrowingTaskGroup(of: CreateChat.Response.self) { group in
                for process in [one, other, one, other] {
                    group.addTask { try await process.create(.group, by: anna, with: [ben], title: "t", key: "k") }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(answers.map(\.chat)).count == 1 && answers.filter(\.created).count == 4)
            #expect(try await one.reading.list(ListChats(userID: ben, limit: 10)).items.count == 1)
            let leads = try await one.database.pool.query("SELECT DISTINCT chat_id FROM memberships", as: ChatID.self)
            #expect(leads == [answers[0].chat.id])
            let error = await #expect(throws: ServiceError.self) {
                try await one.create(.group, by: anna, with: [ben], title: "other", key: "k")
            }
            #expect(error?.code == .invalid)
        }
    }

    @Test("an Idempotency-Key of a direct chat returns its first answer and is refused for another request")
    func directIdempotency() async throws {
        try await ChatsProcess.pair { one, other in
            let (anna, ben, carl) = (ChatsDatabase.user(), ChatsDatabase.user(), ChatsDatabase.user())
            let first = try await one.create(.direct, by: anna, with: [ben], key: "k")
            let again = try await other.create(.direct, by: anna, with: [ben], key: "k")
            #expect(first.created && again == first)
            for (kind, title) in [(ChatKind.direct, nil), (.group, "t")] {
                let error = await #expect(throws: ServiceError.self) {
                    try await other.create(kind, by: anna, with: [carl], title: title, key: "k")
                }
                #expect(error?.fields.map(\.field) == ["Idempotency-Key"])
            }
        }
    }
}
