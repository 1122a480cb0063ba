import Contracts
import TestSupport
import Testing

@testable import Chats

@Suite("Send batch") struct SendBatchTests {
    let chat = ChatID(rawValue: 70)
    let anna = UserID(rawValue: 1)
    let ben = UserID(rawValue: 2)
    let carl = UserID(rawValue: 3)

    func state(now: Int64 = 1_000, lastSeq: Int64 = 10, lastSentAt: Int64? = 900) -> SendBatch {
        let member = Membership(role: .member, joinedSeq: 4)
        return SendBatch(
            chats: [chat: .init(kind: .group, lastSeq: lastSeq, rev: 25, lastSentAt: lastSentAt.map { Timestamp($0) })],
            members: [
                MemberKey(chatID: chat, userID: anna): member, MemberKey(chatID: chat, userID: ben): member,
                MemberKey(chatID: chat, userID: carl): Membership(role: .owner, joinedSeq: 0, leftSeq: 9),
            ],
            blocked: [], repeats: [:], now: Timestamp(now))
    }

    func draft(
        _ sender: UserID, _ key: String, text: String = "hi", in chat: ChatID? = nil, replyTo: Int64? = nil
    ) -> Draft {
        Draft.sample(in: chat ?? self.chat, from: sender, key, text, replyTo: replyTo)
    }

    func decide(_ drafts: [Draft], _ state: SendBatch) -> SendBatch.Decision {
        state.decide(drafts, ids: drafts.indices.map { MessageID(rawValue: Int64($0) + 500) })
    }

    @Test("sends receive the next seq and rev, in order of arrival")
    func order() throws {
        let decision = decide([draft(anna, "a"), draft(ben, "b")], state())
        #expect(decision.inserts.map(\.message.seq) == [11, 12])
        #expect(decision.inserts.map(\.message.rev) == [26, 27])
        #expect(decision.inserts.map(\.message.id.rawValue) == [500, 501])
        #expect(decision.chats[chat] == .init(kind: .group, lastSeq: 12, rev: 27, lastSentAt: Timestamp(1_000)))
    }

    @Test("sentAt does not decrease when the clock steps back")
    func clockStepsBack() {
        let decision = decide([draft(anna, "a"), draft(ben, "b")], state(now: 800))
        #expect(decision.inserts.map(\.message.sentAt) == [Timestamp(900), Timestamp(900)])
        #expect(
            decide([draft(anna, "a")], state(now: 800, lastSeq: 0, lastSentAt: nil)).inserts[0].message.sentAt == Timestamp(800))
    }

    @Test("the same key twice in a batch is one message and one answer")
    func repeatWithin() throws {
        let decision = decide([draft(anna, "a"), draft(anna, "a"), draft(ben, "a")], state())
        #expect(decision.inserts.count == 2)
        #expect(decision.outcomes[1] == .repeated(decision.inserts[0].message))
        #expect(decision.outcomes[2] == .stored(decision.inserts[1].message))
    }

    @Test("the same key with different content is refused, without effect on other sends")
    func differentContent() {
        let decision = decide([draft(anna, "a", text: "one"), draft(anna, "a", text: "two"), draft(ben, "b")], state())
        #expect(decision.outcomes[1].refusal == .invalid)
        #expect(decision.outcomes[1].field == "clientMessageId")
        #expect(decision.inserts.map(\.message.seq) == [11, 12])
    }

    @Test("a stored repeat is answered even if its sender has left, is blocked, or replied to a missing message")
    func repeatForEver() {
        var state = state()
        let asked = draft(carl, "old", replyTo: 99)
        var edited = Message.sample(in: chat, seq: 3, from: carl)
        edited.text = "edited since"
        state.repeats = [asked.key: .init(message: edited, hash: asked.hash)]
        state.blocked = [MemberKey(chatID: chat, userID: carl)]
        let decision = decide([asked, draft(carl, "old", text: "another")], state)
        #expect(decision.outcomes[0] == .repeated(edited))
        #expect(decision.outcomes[1].refusal == .invalid)
        #expect(decision.inserts.isEmpty && decision.chats.isEmpty)
    }

    @Test("users who are not members cannot find out whether a chat exists")
    func strangers() {
        let elsewhere = ChatID(rawValue: 71)
        let decision = decide(
            [draft(carl, "a"), draft(UserID(rawValue: 9), "a"), draft(anna, "a", in: elsewhere)], state())
        #expect(decision.outcomes == Array(repeating: .refused(.noSuchChat), count: 3))
        #expect(decision.chats.isEmpty)
    }

    @Test("a block refuses sends")
    func blocked() {
        var state = state()
        state.blocked = [MemberKey(chatID: chat, userID: anna)]
        let decision = decide([draft(anna, "a"), draft(ben, "b")], state)
        #expect(decision.outcomes[0].refusal == .denied)
        #expect(decision.inserts.map(\.message.senderID) == [ben])
    }

    @Test(
        "a reply must refer to a message that its sender can see",
        arguments: [(4, false), (5, true), (10, true), (11, false)] as [(Int64, Bool)])
    func replies(seq: Int64, allowed: Bool) {
        let decision = decide([draft(anna, "a", replyTo: seq)], state())
        #expect(decision.outcomes[0].field == (allowed ? nil : "replyTo"))
        #expect(decision.inserts.map(\.message.replyTo) == (allowed ? [seq] : []))
    }

    @Test("a refused send does not use up its key")
    func refusedKey() {
        let decision = decide([draft(anna, "a", replyTo: 99), draft(anna, "a", replyTo: 9)], state())
        #expect(decision.outcomes[0].field == "replyTo")
        #expect(decision.inserts.map(\.message.seq) == [11])
    }
}
