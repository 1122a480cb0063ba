import BusTesting
import Contracts
import TestSupport
import Testing

@testable import Messaging

@Suite("Presence when contacts change", .timeLimit(.minutes(1))) struct ContactTests {
    private static func user(_ id: Int64) -> UserID { UserID(rawValue: id) }

    private static func contacts(_ ids: [Int64]) -> ListPresenceContacts.Response {
        .init(contacts: ids.map { .init(userID: user($0), lastSeenAt: .init(millisecondsSinceEpoch: 1_000)) })
    }

    /// The delivery of `users` when two users become contacts, or cease to be.
    private static func tie(of user: Int64, to other: Int64, _ status: String? = nil) -> Delivery {
        let status = status.map { #""status":"\#($0)","# } ?? ""
        return Delivery(items: [
            .init(recipients: [self.user(user)], frame: #"{"type":"connection","userId":"\#(other)",\#(status)"rev":3}"#)
        ])
    }

    private static func news(that user: Int64, isOnline: Bool, to other: Int64) -> Delivery {
        let frame = String(decoding: ServerFrame.presence(self.user(user), online: isOnline), as: UTF8.self)
        return Delivery(items: [
            .init(
                recipients: [self.user(other)], frame: frame,
                presence: .init(kind: .news, userID: self.user(user), online: isOnline))
        ])
    }

    @Test("a former contact is shown as offline to users who saw it online, and to no others")
    func noContactAnyMore() async throws {
        try await TestGateway.with { gateway in
            let (one, other) = (try await gateway.client(2), try await gateway.client(3))
            gateway.bus.answer(ListPresenceContacts.self) { _ in Self.contacts([]) }
            await gateway.actor.deliver(Self.news(that: 1, isOnline: true, to: 2))
            #expect(try await one.nextText().online == true)
            for user in [2, 3] as [Int64] { await gateway.actor.deliver(Self.tie(of: user, to: 1)) }
            for client in [one, other] { #expect(try await client.nextText().type == "connection") }
            #expect(try await one.nextText() == RawClient.TextFrame(type: "presence", n: 3, userId: "1", online: false))
            // A repeat changes nothing.
            await gateway.actor.deliver(Self.tie(of: 2, to: 1))
            try await eventually("both looked") { gateway.bus.asked(ListPresenceContacts.self).count >= 5 ? () : nil }
            for client in [one, other] { await client.sendText(#"{"type":"ping"}"#) }
            #expect(try await one.nextText().type == "connection")
            for client in [one, other] { #expect(try await client.nextText().type == "pong") }
        }
    }

    @Test("new contacts are asked for their presence; a late event is evaluated by the present contacts")
    func contactFromNowOn() async throws {
        try await TestGateway.with { gateway in
            gateway.bus.answer(ListPresenceContacts.self) { _ in Self.contacts([]) }
            let client = try await gateway.client(2)
            try await eventually("their coming") { gateway.bus.asked(ListPresenceContacts.self).count == 1 ? () : nil }
            gateway.bus.answer(ListPresenceContacts.self) { _ in Self.contacts([1, 4]) }
            // The invitation, repeated after it was accepted.
            await gateway.actor.deliver(Self.tie(of: 2, to: 1, "sent"))
            #expect(try await client.nextText().type == "connection")
            let question = try await eventually("a question") { gateway.delivered.all.first?.items.first }
            #expect(question.recipients == [Self.user(1)])
            #expect(question.presence == .init(kind: .question, userID: Self.user(2), online: true))
            // The contact does not answer, and has been seen.
            #expect(try await client.nextText() == RawClient.TextFrame(type: "presence", n: 2, userId: "1", online: false))
        }
    }
}
