import Bus
import Contracts
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Chats

/// Commits whose process could not update the caches, and how readers still see them.
@Suite("Commits without cache updates", .timeLimit(.minutes(5))) struct StaleCacheTests {
    @Test(
        "the commits of a dead process become visible once its events are found: messages, members, chats",
        arguments: [true, false])
    func leftFacts(redis: Bool) async throws {
        try await ChatsProcess.pair(redis: redis) { dead, other in
            let (anna, ben, carl) = (ChatsDatabase.user(), ChatsDatabase.user(), ChatsDatabase.user())
            let chat = try await dead.group([anna, ben])
            #expect(try await other.history(chat, for: ben).items.isEmpty)
            await #expect(throws: ServiceError.noSuchChat) { try await other.history(chat, for: carl) }
            // Written directly to the database: committed, with no cache update.
            let sent = try await dead.database.send([.sample(in: chat, from: anna, "a"), .sample(in: chat, from: anna, "b")])
            let add = SetMember(userID: anna, chatID: chat, memberID: carl, role: .member)
            let added = try #require(
                try await dead.database.members.set(add, isKnown: true, deadline: ChatsDatabase.soon))
            let events =
                try [OutboxEvent(MessagesSent(messages: sent.inserts.map(\.message)))] + added.events.map { try OutboxEvent($0) }
            await other.caches.invalidate(after: events)
            #expect(try await other.history(chat, for: ben).items == sent.inserts.map(\.message))
            #expect(try await other.history(chat, for: carl).items.isEmpty)
            let removal = try #require(
                try await dead.database.members.remove(
                    RemoveMember(userID: anna, chatID: chat, memberID: carl), deadline: ChatsDatabase.soon))
            await other.caches.invalidate(after: try removal.events.map { try OutboxEvent($0) })
            await #expect(throws: ServiceError.noSuchChat) { try await other.history(chat, for: carl) }
        }
    }

    @Test("a chat whose absence was cached becomes visible once the event of its creation is found")
    func leftOpening() async throws {
        try await ChatsProcess.pair { dead, other in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            let newChat = try NewChat(CreateChat(creatorID: anna, kind: .direct, members: [ben]))
            let id = ChatID(rawValue: ChatsDatabase.id())
            await #expect(throws: ServiceError.noSuchChat) { try await other.history(id, for: ben) }
            _ = try await dead.database.newChats.create(
                newChat, id: id, hash: RequestHash(of: newChat), deadline: ChatsDatabase.soon)
            await other.caches.invalidate(after: [try OutboxEvent(newChat.createdEvent(id: id, at: Timestamp(0)))])
            #expect(try await other.history(id, for: ben).items.isEmpty)
        }
    }

    @Test("events of other types and malformed events have no effect")
    func otherFacts() async throws {
        try await ChatsProcess.pair { process, _ in
            let user = ChatsDatabase.user()
            let chat = try await process.group([user, ChatsDatabase.user()])
            await process.caches.invalidate(after: [
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

    @Test("after a send with an unknown outcome, the next reader finds the message through any process")
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
                }, updateCaches: { await one.caches.apply($0) }, pause: { _ in })
            let settled = await committer.settle([.sample(in: chat, from: anna, "key", "kept")], deadline: ChatsDatabase.soon)
            #expect(settled.answers.map(\.code) == [.unknownOutcome])
            await committer.updateCaches(settled)
            #expect(try await other.history(chat, for: ben).items.map(\.text) == ["kept"])
        }
    }

    @Test("after a change with an unknown outcome, the next reader finds the membership")
    func memberInDoubt() async throws {
        try await ChatsProcess.pair { one, other in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            let chat = try await one.group([anna, ben])
            #expect(try await other.history(chat, for: ben).items.isEmpty)
            _ = try await one.database.members.remove(
                RemoveMember(userID: anna, chatID: chat, memberID: ben), deadline: ChatsDatabase.soon)
            await one.caches.invalidateMembership(of: ben, in: chat)
            await #expect(throws: ServiceError.noSuchChat) { try await other.history(chat, for: ben) }
        }
    }

    @Test("the service finds such events by itself")
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
