import Bus
import Contracts
import TestSupport
import Testing

@testable import Chats

/// Malformed calls, published events and cache notices over the bus.
@Suite("The bus interface of chats", .timeLimit(.minutes(5))) struct ChatsBusTests {
    /// A call of a procedure with any payload.
    struct Malformed<P: Procedure>: Procedure {
        typealias Response = EmptyResponse
        static var name: ProcedureName { P.name }
        static var service: ServiceName { P.service }
        static var callers: Set<ServiceName> { P.callers }
        static var isRepeatable: Bool { false }
        var payload: Payload

        init(payload: Payload) { self.payload = payload }
        init(from decoder: any Decoder) throws { payload = try Payload(from: decoder) }
        func encode(to encoder: any Encoder) throws { try payload.encode(to: encoder) }
    }

    indirect enum Payload: Codable, Hashable {
        case text(String), number(Int64), list([Payload]), map([String: Payload])

        init(from decoder: any Decoder) throws { self = .number(0) }
        func encode(to encoder: any Encoder) throws {
            switch self {
            case .text(let value): try value.encode(to: encoder)
            case .number(let value): try value.encode(to: encoder)
            case .list(let value): try value.encode(to: encoder)
            case .map(let value): try value.encode(to: encoder)
            }
        }
    }

    static let payloads: [Payload] = [
        .text("x"), .number(.min), .list([]), .map([:]),
        .map(["chatId": .number(1), "senderId": .number(1), "userId": .number(1)]),
        .map(["chatId": .text("0"), "senderId": .text("-1"), "userId": .text("99999999999999999999"), "limit": .text("1")]),
        .map(["chatId": .text("1"), "userId": .text("1"), "limit": .number(.max), "position": .map(["kind": .text("sideways")])]),
        .map([
            "chatId": .text("1"), "userId": .text("1"), "limit": .number(1),
            "position": .map(["kind": .text("at"), "time": .text("0000-01-01T00:00:00+01:00")]),
        ]),
        .map(["creatorId": .text("1"), "kind": .text("channel"), "members": .list([])]),
        .map(["chatId": .text("1"), "userId": .text("1"), "memberId": .text("2"), "role": .list([])]),
    ]

    func refusal<P: Procedure>(of procedure: P.Type, _ payload: Payload, by bff: Bus) async -> ServiceError? {
        do { _ = try await bff.call(Malformed<P>(payload: payload), deadline: .after(.seconds(60))) } catch {
            return error
        }
        return nil
    }

    @Test("a malformed call is invalid, and the next call is answered")
    func malformed() async throws {
        try await ChatsWorld.with { world in
            for payload in Self.payloads {
                for refusal in [
                    await refusal(of: SendMessage.self, payload, by: world.bff),
                    await refusal(of: GetHistory.self, payload, by: world.bff),
                    await refusal(of: CreateChat.self, payload, by: world.bff),
                    await refusal(of: SetMember.self, payload, by: world.bff),
                    await refusal(of: MarkRead.self, payload, by: world.bff),
                ] {
                    #expect(refusal?.code == .invalid && refusal?.mayHaveHappened == false, "\(payload)")
                }
            }
            let users = [ChatsDatabase.user(), ChatsDatabase.user()]
            let chat = try await world.group(users)
            #expect(try await world.send("hi", from: users[0], to: chat).message.seq == 1)
        }
    }

    @Test("every change publishes an event with its result")
    func events() async throws {
        try await ChatsWorld.with { world in
            let (anna, ben, carl) = (ChatsDatabase.user(), ChatsDatabase.user(), ChatsDatabase.user())
            let chat = try await world.group([anna, ben])
            let sent = try await world.send("hi", from: anna, to: chat).message
            _ = try await world.bff.call(UpdateChat(userID: anna, chatID: chat, title: "new"))
            _ = try await world.bff.call(SetMember(userID: anna, chatID: chat, memberID: carl, role: .member))
            _ = try await world.bff.call(SetMember(userID: anna, chatID: chat, memberID: carl, role: .admin))
            _ = try await world.bff.call(MarkRead(userID: ben, chatID: chat, seq: 9))
            _ = try await world.bff.call(RemoveMember(userID: anna, chatID: chat, memberID: anna))
            let events = world.events
            try await eventually("all events") {
                Set(events.of(MemberChanged.self).map(\.rev)).count == 4 && events.of(ReadMoved.self).count >= 1
                    && events.of(ChatUpdated.self).count >= 1 && events.messages.count >= 1
                    && events.of(ChatCreated.self).count >= 1
                    ? () : nil
            }
            let created = try #require(events.of(ChatCreated.self).first)
            #expect(created.chatID == chat && created.kind == .group && created.title == "group" && created.creatorID == anna)
            #expect(created.members == [anna, ben] && created.rev == 1)
            #expect(events.messages.first == sent && sent.rev == 2)
            let updated = try #require(events.of(ChatUpdated.self).first)
            #expect(updated.chatID == chat && updated.title == "new" && updated.userID == anna && updated.rev == 3)
            let moved = try #require(events.of(ReadMoved.self).first)
            #expect(moved.chatID == chat && moved.userID == ben && moved.readSeq == 1)
            // An event may arrive twice.
            let changes = Dictionary(events.of(MemberChanged.self).map { ($0.rev, $0) }) { $1 }.values.sorted { $0.rev < $1.rev }
            #expect(changes.map(\.change) == [.added, .roleChanged, .roleChanged, .removed])
            #expect(changes.map(\.memberID) == [carl, carl, carl, anna])
            #expect(changes.map(\.role) == [.member, .admin, .owner, .owner])
            #expect(changes.map(\.rev) == [4, 5, 6, 7] && changes.allSatisfy { $0.userID == anna && $0.chatID == chat })
        }
    }

    @Test("an instance without Redis notifies the other one, and both soon return what it stored")
    func cutOff() async throws {
        try await ChatsWorld.with(redis: false) { world in
            let users = [ChatsDatabase.user(), ChatsDatabase.user()]
            let chat = try await world.group(users)
            let page = GetHistory(userID: users[1], chatID: chat, position: .newest, limit: 1)
            for number in 1...12 {
                for _ in 0..<4 { _ = try await world.bff.call(page) }
                let sent = try await world.send("\(number)", from: users[0], to: chat).message
                try await eventually("the message") { try await world.shows([sent], page) ? () : nil }
            }
        }
    }
}
