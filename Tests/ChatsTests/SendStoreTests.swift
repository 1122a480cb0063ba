import Contracts
import Postgres
import TestSupport
import Testing

@testable import Chats

@Suite("Sends in the database") struct SendStoreTests {
    @Test("sent messages are stored in order, as answered")
    func stored() async throws {
        try await ChatsDatabase.with { database in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            let chat = try await database.group([anna, ben])
            let text = "grüß dich 👩‍👩‍👧‍👦\u{1} \\x \"'; DROP TABLE messages"
            let decision = try await database.send([
                .sample(in: chat, from: anna, "a", text), .sample(in: chat, from: ben, "b", replyTo: nil),
                .sample(in: chat, from: ben, "c", text),
            ])
            let second = try await database.send([.sample(in: chat, from: anna, "d", "reply", replyTo: 3)])
            let messages = try await database.page(chat, .newest).items
            #expect(messages == (decision.inserts + second.inserts).map(\.message))
            #expect(messages.map(\.seq) == [1, 2, 3, 4])
            #expect(messages.map(\.rev) == [2, 3, 4, 5])
            #expect(messages.map(\.text) == [text, "hi", text, "reply"] && messages[3].replyTo == 3)
            let view = try await database.views.chat(chat, for: anna)
            #expect(view?.lastMessage == messages[3] && view?.rev == 5 && view?.updatedAt == messages[3].sentAt)
        }
    }

    @Test("a repeat receives the first answer, even after an edit, and different content is refused")
    func repeats() async throws {
        try await ChatsDatabase.with { database in
            let anna = ChatsDatabase.user()
            let chat = try await database.group([anna, ChatsDatabase.user()])
            let draft = Draft.sample(in: chat, from: anna, "key", "text", replyTo: nil)
            let first = try await database.send([draft]).inserts[0].message
            #expect(try await database.send([draft]).outcomes == [.repeated(first)])
            #expect(
                try await database.send([.sample(in: chat, from: anna, "key", "other")]).outcomes[0].field == "clientMessageId")
            try await database.pool.execute(
                "UPDATE messages SET text = 'edited', changed_rev = 9, edited_at = now() WHERE chat_id = \(chat)")
            let again = try await database.send([draft]).outcomes[0].message
            #expect(again?.id == first.id && again?.text == "edited" && again?.rev == 9)
        }
    }

    @Test("keys that look alike but differ in bytes are two sends, in one batch and in two")
    func keysOfBytes() async throws {
        try await ChatsDatabase.with { database in
            let anna = ChatsDatabase.user()
            let chat = try await database.group([anna, ChatsDatabase.user()])
            let (composed, decomposed) = (
                Draft.sample(in: chat, from: anna, "\u{e9}"), Draft.sample(in: chat, from: anna, "e\u{301}")
            )
            let both = try await database.send([composed, decomposed])
            #expect(both.inserts.map(\.message.seq) == [1, 2])
            for (draft, message) in zip([composed, decomposed], both.inserts.map(\.message)) {
                #expect(try await database.send([draft]).outcomes == [.repeated(message)])
            }
        }
    }

    @Test("strangers, former members and blocked users are refused, and other sends of the batch are stored")
    func refusals() async throws {
        try await ChatsDatabase.with { database in
            let (anna, ben, carl) = (ChatsDatabase.user(), ChatsDatabase.user(), ChatsDatabase.user())
            let (group, direct) = (try await database.group([anna, ben]), try await database.direct(anna, ben))
            _ = try await database.members.remove(
                RemoveMember(userID: ben, chatID: group, memberID: ben), deadline: ChatsDatabase.soon)
            try await database.block(anna, ben)
            let outcomes = try await database.send([
                .sample(in: group, from: carl, "a"), .sample(in: group, from: ben, "a"), .sample(in: direct, from: ben, "a"),
                .sample(in: ChatID(rawValue: 1), from: anna, "a"), .sample(in: group, from: anna, "a"),
                .sample(in: direct, from: anna, "a"),
            ]).outcomes
            #expect(outcomes.map(\.refusal) == [.notFound, .notFound, .denied, .notFound, nil, nil])
            try await database.block(anna, ben, blocked: false, rev: 2)
            #expect(try await database.send([.sample(in: direct, from: ben, "a")]).outcomes[0].storedMessage?.seq == 2)
        }
    }

    @Test("a block does not apply in a group")
    func blocksInGroups() async throws {
        try await ChatsDatabase.with { database in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            let group = try await database.group([anna, ben])
            try await database.block(anna, ben)
            #expect(try await database.send(from: ben, to: group).seq == 1)
        }
    }

    @Test("an older event of a block has no effect after a newer one")
    func blockOrder() async throws {
        try await ChatsDatabase.with { database in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            let direct = try await database.direct(anna, ben)
            try await database.block(anna, ben, blocked: true, rev: 3)
            try await database.block(anna, ben, blocked: false, rev: 2)
            #expect(try await database.send([.sample(in: direct, from: ben, "a")]).outcomes[0].refusal == .denied)
        }
    }

    @Test("20 tasks send the same key through two processes: one message, one answer")
    func race() async throws {
        try await ChatsDatabase.with { one in
            try await one.another { other in
                let anna = ChatsDatabase.user()
                let chat = try await one.group([anna, ChatsDatabase.user()])
                let answers = try await withThrowingTaskGroup(of: Message?.self) { group in
                    for number in 0..<20 {
                        group.addTask {
                            let database = number.isMultiple(of: 2) ? one : other
                            return try await database.send([.sample(in: chat, from: anna, "same")]).outcomes[0].message
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                let stored = try await one.page(chat, .newest).items
                #expect(stored.count == 1)
                #expect(answers == Array(repeating: stored[0], count: 20))
            }
        }
    }

    @Test("concurrent sends of two processes to the same chats keep seq dense and lose no batch")
    func concurrentBatches() async throws {
        try await ChatsDatabase.with { one in
            try await one.another { other in
                let users = [ChatsDatabase.user(), ChatsDatabase.user()]
                var chats: [ChatID] = []
                for _ in 0..<4 { chats.append(try await one.group(users)) }
                try await withThrowingTaskGroup(of: Void.self) { [chats] group in
                    for number in 0..<24 {
                        group.addTask {
                            let database = number.isMultiple(of: 2) ? one : other
                            let drafts = chats.shuffled().map { Draft.sample(in: $0, from: users[number % 2], "key \(number)") }
                            let decision = try await database.send(drafts)
                            #expect(decision.inserts.count == chats.count)
                        }
                    }
                    try await group.waitForAll()
                }
                for chat in chats {
                    let messages = try await one.page(chat, .newest).items
                    #expect(messages.map(\.seq) == Array(1...24))
                    #expect(messages.map(\.rev) == Array(2...25))
                    #expect(zip(messages, messages.dropFirst()).allSatisfy { $0.sentAt <= $1.sentAt })
                }
            }
        }
    }
}
