import Bus
import Contracts
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Chats

@Suite("Frames of chats for live connections", .timeLimit(.minutes(5))) struct LiveFrameTests {
    /// The union of all fields in frames of chats.
    private struct Frame: Decodable {
        var type: String
        var chatId: ChatID
        var seq: Int64?
        var rev: Int64?
        var message: Message?
        var userId: UserID?
        var readSeq: Int64?
        var deliveredSeq: Int64?
        var change: String?
        var title: String?
        var memberId: UserID?
        var role: ChatRole?
    }

    private struct Shown {
        let frame: Frame
        let item: Delivery.Item
    }

    /// Waits for `count` frames of one type about one chat.
    private func frames(_ type: String, of chat: ChatID, _ count: Int = 1, in world: ChatsWorld) async throws -> [Shown] {
        try await eventually("\(count) of \(type)") {
            let all = try world.shown.all.map {
                Shown(frame: try JSONDecoder().decode(Frame.self, from: Data($0.frame.utf8)), item: $0)
            }
            let found = all.filter { $0.frame.type == type && $0.frame.chatId == chat }
            return found.count >= count ? found : nil
        }
    }

    @Test("a message goes to all members at that time, including the sender, with its HTTP form and its place")
    func message() async throws {
        try await ChatsWorld.with { world in
            let (anna, ben, eve) = (ChatsDatabase.user(), ChatsDatabase.user(), ChatsDatabase.user())
            let chat = try await world.group([anna, ben])
            let text = #"],"\{[ grüß 🜂"#
            let first = try await world.send(text, from: anna, to: chat).message
            _ = try await world.bff.call(SetMember(userID: anna, chatID: chat, memberID: eve, role: .member))
            let second = try await world.send("two", from: ben, to: chat, replyTo: 1).message
            _ = try await world.bff.call(RemoveMember(userID: anna, chatID: chat, memberID: ben))
            let third = try await world.send("three", from: anna, to: chat).message
            let shown = try await frames("message", of: chat, 3, in: world)
            #expect(Set(shown.compactMap(\.frame.message)) == [first, second, third])
            let recipients = [1: [anna, ben], 2: [anna, ben, eve], 3: [anna, eve]] as [Int64: Set<UserID>]
            for one in shown {
                let message = try #require(one.frame.message)
                #expect(one.item.frame.hasPrefix(#"{"type":"message","#))
                #expect(one.frame.seq == message.seq && one.frame.rev == message.rev)
                #expect(Set(one.item.recipients) == recipients[message.seq])
                #expect(
                    one.item.message
                        == Delivery.Place(
                            chatID: chat, seq: message.seq, senderID: message.senderID,
                            clientMessageID: message.clientMessageID, sentAt: message.sentAt))
            }
        }
    }

    @Test("every message of a direct chat goes to both members")
    func direct() async throws {
        try await ChatsWorld.with { world in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            let chat = try await world.bff.call(CreateChat(creatorID: anna, kind: .direct, members: [ben])).chat.id
            for number in 0..<10 { try await world.send("\(number)", from: anna, to: chat) }
            let shown = try await frames("message", of: chat, 10, in: world)
            #expect(shown.allSatisfy { $0.item.recipients.sorted() == [anna, ben] })
            #expect(Set(shown.compactMap(\.frame.seq)) == Set(1...10))
        }
    }

    @Test("changes of a chat go to its members, and a removal to the removed member too")
    func changes() async throws {
        try await ChatsWorld.with { world in
            let (anna, ben, eve) = (ChatsDatabase.user(), ChatsDatabase.user(), ChatsDatabase.user())
            let chat = try await world.group([anna, ben])
            _ = try await frames("chat", of: chat, in: world)
            _ = try await world.bff.call(SetMember(userID: anna, chatID: chat, memberID: eve, role: .member))
            _ = try await frames("chat", of: chat, 2, in: world)
            _ = try await world.bff.call(UpdateChat(userID: anna, chatID: chat, title: "Kestrels"))
            _ = try await frames("chat", of: chat, 3, in: world)
            _ = try await world.bff.call(SetMember(userID: anna, chatID: chat, memberID: eve, role: .admin))
            _ = try await frames("chat", of: chat, 4, in: world)
            _ = try await world.bff.call(RemoveMember(userID: anna, chatID: chat, memberID: ben))
            let shown = try await frames("chat", of: chat, 5, in: world)
            #expect(shown.map(\.frame.change) == ["created", "added", "updated", "roleChanged", "removed"])
            #expect(shown.map(\.frame.rev) == [1, 2, 3, 4, 5])
            #expect(shown.map(\.frame.title) == ["group", nil, "Kestrels", nil, nil])
            #expect(shown.map(\.frame.memberId) == [nil, eve, nil, eve, ben])
            #expect(shown.map(\.frame.role) == [nil, .member, nil, .admin, .member])
            let (two, three) = ([anna, ben].sorted(), [anna, ben, eve].sorted())
            #expect(shown.map { $0.item.recipients.sorted() } == [two, three, three, three, three])
            #expect(shown.allSatisfy { $0.item.message == nil })
        }
    }

    @Test("a read marker goes to all members of a small chat, and to the reader's own devices in a large one")
    func read() async throws {
        try await ChatsWorld.with { world in
            let users = (0...Audience.receiptLimit).map { _ in ChatsDatabase.user() }
            for isLarge in [false, true] {
                let members = isLarge ? users : Array(users.dropLast())
                let chat = try await world.group(members)
                try await world.send("hi", from: users[0], to: chat)
                _ = try await world.bff.call(MarkRead(userID: users[1], chatID: chat, seq: 1))
                let receipt = try #require(try await frames("receipt", of: chat, in: world).first)
                #expect(receipt.frame.userId == users[1] && receipt.frame.readSeq == 1 && receipt.frame.deliveredSeq == nil)
                #expect(Set(receipt.item.recipients) == Set(isLarge ? [users[1]] : members))
            }
        }
    }

    @Test("delivered markers move forward, at most to the last message, and go to the other members")
    func delivered() async throws {
        try await ChatsWorld.with { world in
            let (anna, ben, eve, stranger) = (
                ChatsDatabase.user(), ChatsDatabase.user(), ChatsDatabase.user(), ChatsDatabase.user()
            )
            let (one, other) = (try await world.group([anna, ben, eve]), try await world.group([anna, ben]))
            for _ in 0..<3 { for chat in [one, other] { try await world.send("hi", from: anna, to: chat) } }
            func mark(_ markers: [(UserID, ChatID, Int64)]) async throws {
                let request = MarkDelivered(markers: markers.map { .init(userID: $0, chatID: $1, seq: $2) })
                _ = try await world.messaging.call(request)
            }
            func markers(_ chat: ChatID) async throws -> [UserID: Int64] {
                let members = try await world.bff.call(ListMembers(userID: anna, chatID: chat, limit: 10)).items
                return Dictionary(uniqueKeysWithValues: members.map { ($0.userID, $0.deliveredSeq) })
            }
            try await mark([(ben, one, 2), (ben, one, 1), (eve, one, 99), (ben, other, 3), (stranger, one, 3)])
            #expect(try await markers(one) == [anna: 0, ben: 2, eve: 3])
            #expect(try await markers(other) == [anna: 0, ben: 3])
            let shown = try await frames("receipt", of: one, 2, in: world)
            #expect(shown.map { $0.frame.userId }.sorted { ($0?.rawValue ?? 0) < ($1?.rawValue ?? 0) } == [ben, eve])
            #expect(shown.allSatisfy { $0.frame.readSeq == nil && !$0.item.recipients.contains($0.frame.userId ?? stranger) })
            #expect(shown.allSatisfy { $0.item.recipients.count == 2 })
            // Markers never move back, and a marker that does not move sends no frame.
            try await mark([(ben, one, 1), (eve, one, 3)])
            try await mark([(ben, one, 3)])
            #expect(try await markers(one) == [anna: 0, ben: 3, eve: 3])
            #expect(
                try await frames("receipt", of: one, 3, in: world).map(\.frame.deliveredSeq).sorted { ($0 ?? 0) < ($1 ?? 0) } == [
                    2, 3, 3,
                ])
            await #expect(throws: ServiceError.self) { try await mark([]) }
            await #expect(throws: ServiceError.self) { try await mark([(ben, one, -1)]) }
        }
    }

    @Test("concurrent markers of the same rows do not deadlock, and the highest stays")
    func deliveredRace() async throws {
        try await ChatsDatabase.with { database in
            let users = (0..<8).map { _ in ChatsDatabase.user() }
            let chat = try await database.group(users)
            for _ in 0..<20 { try await database.send(from: users[0], to: chat) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for seq in 1...20 {
                    let markers = users.shuffled().map { MarkDelivered.Marker(userID: $0, chatID: chat, seq: Int64(seq)) }
                    group.addTask { _ = try await database.markers.markDelivered(markers) }
                }
                try await group.waitForAll()
            }
            let members = try await database.members.members(of: chat, after: nil, limit: 10)
            #expect(members.map(\.deliveredSeq) == users.map { _ in 20 })
        }
    }

    @Test("typing goes to the other members, if the user may send there")
    func typing() async throws {
        try await ChatsWorld.with { world in
            let (anna, ben, eve) = (ChatsDatabase.user(), ChatsDatabase.user(), ChatsDatabase.user())
            let group = try await world.group([anna, ben, eve])
            let direct = try await world.bff.call(CreateChat(creatorID: anna, kind: .direct, members: [ben])).chat.id
            func type(_ user: UserID, _ chat: ChatID) async -> ServiceError.Code? {
                do throws(ServiceError) {
                    _ = try await world.messaging.call(ShowTyping(userID: user, chatID: chat))
                    return nil
                } catch {
                    return error.code
                }
            }
            #expect(await type(anna, group) == nil)
            let shown = try #require(try await frames("typing", of: group, in: world).first)
            #expect(shown.frame.userId == anna && shown.item.recipients.sorted() == [ben, eve].sorted())
            #expect(await type(anna, direct) == nil)
            #expect(await type(eve, direct) == .notFound)
            #expect(await type(eve, ChatID(rawValue: 1)) == .notFound)
            try await world.database.block(ben, anna)
            #expect(await type(anna, direct) == .denied)
            #expect(await type(ben, direct) == nil)
            #expect(await type(anna, group) == nil)
            #expect(try await frames("typing", of: direct, 2, in: world).map(\.item.recipients) == [[ben], [anna]])
        }
    }

    @Test("the events of a process that died before publishing are swept and delivered")
    func swept() async throws {
        try await ChatsWorld.with { world in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            let chat = try await world.database.direct(anna, ben)
            let message = try await world.database.send("left", from: anna, to: chat)
            try await world.database.pool.execute("UPDATE outbox SET claimed_at = claimed_at - interval '10 seconds'")
            let shown = try await frames("message", of: chat, in: world)
            #expect(shown.map(\.frame.message) == [message] && shown[0].item.recipients.sorted() == [anna, ben])
            #expect(try await frames("chat", of: chat, in: world)[0].item.recipients.sorted() == [anna, ben])
            try await eventually("an empty outbox") {
                try await world.database.pool.one("SELECT count(*) FROM outbox", as: Int.self) == 0 ? () : nil
            }
        }
    }
}

@Suite("Audiences") struct AudienceTests {
    private let users = (1...5).map { UserID(rawValue: $0) }

    @Test("a message goes to the members who had joined before it")
    func messages() {
        let audience = Audience(members: users, joinedSeqs: [0, 0, 3, 4, 9])
        #expect(audience.recipients(ofMessage: 1) == Array(users[0...1]))
        #expect(audience.recipients(ofMessage: 4) == Array(users[0...2]))
        #expect(audience.recipients(ofMessage: 9) == Array(users[0...3]))
        #expect(audience.recipients(ofMessage: 10) == users)
        #expect(audience.members == users)
        #expect(Audience(members: [], joinedSeqs: []).recipients(ofMessage: 1) == [])
    }

    @Test("receipts go to all members of a small chat only")
    func receipts() {
        let few = Audience(members: users, joinedSeqs: users.map { _ in 0 })
        #expect(few.recipients(ofReadMarkerFrom: users[0]) == users)
        #expect(few.recipients(ofDeliveredMarkerFrom: users[0]) == Array(users.dropFirst()))
        let many = (1...Int64(Audience.receiptLimit + 1)).map { UserID(rawValue: $0) }
        let large = Audience(members: many, joinedSeqs: many.map { _ in 0 })
        #expect(large.recipients(ofReadMarkerFrom: many[3]) == [many[3]])
        #expect(large.recipients(ofDeliveredMarkerFrom: many[3]) == [])
    }
}
