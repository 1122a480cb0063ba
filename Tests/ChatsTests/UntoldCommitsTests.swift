import Bus
import Contracts
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Chats

/// Commits whose process could not tell the caches of them, and how readers learn all the same.
@Suite("Commits that nobody told of", .timeLimit(.minutes(5))) struct UntoldCommitsTests {
    @Test("what a dead process committed is shown once its facts are found: messages, members, chats", arguments: [true, false])
    func leftFacts(redis: Bool) async throws {
        try await ChatsProcess.pair(redis: redis) { dead, other in
            let (anna, ben, carl) = (ChatsDatabase.user(), ChatsDatabase.user(), ChatsDatabase.user())
            let chat = try await dead.group([anna, ben])
            #expect(try await other.history(chat, for: ben).items.isEmpty)
            await #expect(throws: ServiceError.noSuchChat) { try await other.history(chat, for: carl) }
            // Straight to the database: committed, and told to nobody.
            let sent = try await dead.database.send([.sample(in: chat, anna, "a"), .sample(in: chat, anna, "b")])
            let add = SetMember(userID: anna, chatID: chat, memberID: carl, role: .member)
            let added = try #require(
                try await dead.database.members.set(add, isKnown: true, deadline: ChatsDatabase.soon))
            let facts =
                try [OutboxEvent(MessagesSent(messages: sent.inserts.map(\.message)))] + added.facts.map { try OutboxEvent($0) }
            await other.caches.note(left: facts)
            #expect(try await other.history(chat, for: ben).items == sent.inserts.map(\.message))
            #expect(try await other.history(chat, for: carl).items.isEmpty)
            let removal = try #require(
                try await dead.database.members.remove(
                    RemoveMember(userID: anna, chatID: chat, memberID: carl), deadline: ChatsDatabase.soon))
            await other.caches.note(left: try removal.facts.map { try OutboxEvent($0) })
            await #expect(throws: ServiceError.noSuchChat) { try await other.history(chat, for: carl) }
        }
    }

    @Test("a chat that somebody asked for in vain is there once the fact of its newChat is found")
    func leftOpening() async throws {
        try await ChatsProcess.pair { dead, other in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            let newChat = try NewChat(CreateChat(creatorID: anna, kind: .direct, members: [ben]))
            let id = ChatID(rawValue: ChatsDatabase.id())
            await #expect(throws: ServiceError.noSuchChat) { try await other.history(id, for: ben) }
            _ = try await dead.database.newChats.create(
                newChat, id: id, hash: RequestHash(of: newChat), deadline: ChatsDatabase.soon)
            await other.caches.note(left: [try OutboxEvent(newChat.fact(id: id, at: Timestamp(0)))])
            #expect(try await other.history(id, for: ben).items.isEmpty)
        }
    }

    @Test("facts of other kinds, and such as cannot be read, do no harm")
    func otherFacts() async throws {
        try await ChatsProcess.pair { process, _ in
            let user = ChatsDatabase.user()
            let chat = try await process.group([user, ChatsDatabase.user()])
            await process.caches.note(left: [
                try OutboxEvent(ReadMoved(chatID: chat, userID: user, readSeq: 1)), try OutboxEvent(Unreadable()),
            ])
            #expect(try await process.history(chat, for: user).items.isEmpty)
        }
    }

    private struct Unreadable: Event {
        static let type = MessagesSent.type
        var subject: String? { nil }
        var messages = "none"
    }

    @Test("when nobody knows whether a message was stored, the next reader finds out, through any process")
    func unknownOutcome() async throws {
        try await ChatsProcess.pair { one, other in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            let chat = try await one.group([anna, ben])
            #expect(try await other.history(chat, for: ben).items.isEmpty)
            let tries = Mutex(0)
            let committer = BatchCommitter(
                nextIDs: { (0..<$0).map { _ in MessageID(rawValue: ChatsDatabase.id()) } },
                commit: { drafts, ids, deadline in
                    let isFirst = tries.withLock { tries in
                        tries += 1
                        return tries == 1
                    }
                    guard isFirst else { throw PostgresError(.unavailable, "away") }
                    _ = try await one.database.sends.commit(drafts, ids: ids, deadline: deadline)
                    throw PostgresError(.connectionLost, "no answer", mayHaveHappened: true)
                }, tell: { await one.caches.note($0) }, pause: { _ in })
            let settled = await committer.settle([.sample(in: chat, anna, "key", "kept")], deadline: ChatsDatabase.soon)
            #expect(settled.answers.map(\.code) == [.unknownOutcome])
            await committer.tell(settled)
            #expect(try await other.history(chat, for: ben).items.map(\.text) == ["kept"])
        }
    }

    @Test("likewise of a member of whom nobody knows what became")
    func memberInDoubt() async throws {
        try await ChatsProcess.pair { one, other in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            let chat = try await one.group([anna, ben])
            #expect(try await other.history(chat, for: ben).items.isEmpty)
            _ = try await one.database.members.remove(
                RemoveMember(userID: anna, chatID: chat, memberID: ben), deadline: ChatsDatabase.soon)
            await one.caches.noteDoubt(about: ben, in: chat)
            await #expect(throws: ServiceError.noSuchChat) { try await other.history(chat, for: ben) }
        }
    }

    @Test("the service finds such facts by itself")
    func swept() async throws {
        try await ChatsWorld.with { world in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            let chat = try await world.group([anna, ben])
            let page = GetHistory(userID: ben, chatID: chat, position: .newest, limit: 9)
            for _ in 0..<4 { #expect(try await world.bff.call(page).items.isEmpty) }
            let sent = try await world.database.send(from: anna, to: chat)
            try await eventually("the message") { try await world.shows([sent], page) ? () : nil }
        }
    }
}
