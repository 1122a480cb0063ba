import Contracts
import TestSupport
import Testing

@testable import Chats

@Suite("Send batch") struct SendBatchTests {
    let chat = ChatID(rawValue: 70)
    let anna = UserID(rawValue: 1)
    let ben = UserID(rawValue: 2)
    let carl = UserID(rawValue: 3)

    func facts(now: Int64 = 1_000, lastSeq: Int64 = 10, lastSentAt: Int64? = 900) -> SendBatch {
        let member = Membership(role: .member, joinedSeq: 4)
        return SendBatch(
            chats: [chat: .init(kind: .group, lastSeq: lastSeq, rev: 25, lastSentAt: lastSentAt.map { Timestamp($0) })],
            members: [
                MemberKey(chatID: chat, userID: anna): member, MemberKey(chatID: chat, userID: ben): member,
                MemberKey(chatID: chat, userID: carl): Membership(role: .owner, joinedSeq: 0, leftSeq: 9),
            ],
            blocked: [], repeats: [:], now: Timestamp(now))
    }

    func draft(_ sender: UserID, _ key: String, _ text: String = "hi", in chat: ChatID? = nil, replyTo: Int64? = nil) -> Draft {
        Draft.sample(in: chat ?? self.chat, sender, key, text, replyTo: replyTo)
    }

    func decide(_ drafts: [Draft], _ facts: SendBatch) -> SendBatch.Decision {
        facts.decide(drafts, ids: drafts.indices.map { MessageID(rawValue: Int64($0) + 500) })
    }

    @Test("gives the next seq and rev, in order of arrival")
    func order() throws {
        let decision = decide([draft(anna, "a"), draft(ben, "b")], facts())
        #expect(decision.inserts.map(\.message.seq) == [11, 12])
        #expect(decision.inserts.map(\.message.rev) == [26, 27])
        #expect(decision.inserts.map(\.message.id.rawValue) == [500, 501])
        #expect(decision.chats[chat] == .init(kind: .group, lastSeq: 12, rev: 27, lastSentAt: Timestamp(1_000)))
    }

    @Test("time stands still rather than go back")
    func clockStepsBack() {
        let decision = decide([draft(anna, "a"), draft(ben, "b")], facts(now: 800))
        #expect(decision.inserts.map(\.message.sentAt) == [Timestamp(900), Timestamp(900)])
        #expect(
            decide([draft(anna, "a")], facts(now: 800, lastSeq: 0, lastSentAt: nil)).inserts[0].message.sentAt == Timestamp(800))
    }

    @Test("the same key twice in a batch is one message and one answer")
    func repeatWithin() throws {
        let decision = decide([draft(anna, "a"), draft(anna, "a"), draft(ben, "a")], facts())
        #expect(decision.inserts.count == 2)
        #expect(decision.outcomes[1] == .repeated(decision.inserts[0].message))
        #expect(decision.outcomes[2] == .stored(decision.inserts[1].message))
    }

    @Test("the same key with another content is refused, and harms nobody else")
    func differentContent() {
        let decision = decide([draft(anna, "a", "one"), draft(anna, "a", "two"), draft(ben, "b")], facts())
        #expect(decision.outcomes[1].refusal == .invalid)
        #expect(decision.outcomes[1].field == "clientMessageId")
        #expect(decision.inserts.map(\.message.seq) == [11, 12])
    }

    @Test("a stored repeat is answered although its sender has left, is blocked, or replied to what is gone")
    func repeatForEver() {
        var facts = facts()
        let asked = draft(carl, "old", replyTo: 99)
        var edited = Message.sample(in: chat, seq: 3, from: carl)
        edited.text = "edited since"
        facts.repeats = [asked.key: .init(message: edited, hash: asked.hash)]
        facts.blocked = [MemberKey(chatID: chat, userID: carl)]
        let decision = decide([asked, draft(carl, "old", "another")], facts)
        #expect(decision.outcomes[0] == .repeated(edited))
        #expect(decision.outcomes[1].refusal == .invalid)
        #expect(decision.inserts.isEmpty && decision.chats.isEmpty)
    }

    @Test("who is not in the chat, or no longer, cannot see that it exists")
    func strangers() {
        let elsewhere = ChatID(rawValue: 71)
        let decision = decide(
            [draft(carl, "a"), draft(UserID(rawValue: 9), "a"), draft(anna, "a", in: elsewhere)], facts())
        #expect(decision.outcomes == Array(repeating: .refused(.noSuchChat), count: 3))
        #expect(decision.chats.isEmpty)
    }

    @Test("a block stops sends")
    func blocked() {
        var facts = facts()
        facts.blocked = [MemberKey(chatID: chat, userID: anna)]
        let decision = decide([draft(anna, "a"), draft(ben, "b")], facts)
        #expect(decision.outcomes[0].refusal == .denied)
        #expect(decision.inserts.map(\.message.senderID) == [ben])
    }

    @Test(
        "a reply is to what its sender can see", arguments: [(4, false), (5, true), (10, true), (11, false)] as [(Int64, Bool)])
    func replies(seq: Int64, allowed: Bool) {
        let decision = decide([draft(anna, "a", replyTo: seq)], facts())
        #expect(decision.outcomes[0].field == (allowed ? nil : "replyTo"))
        #expect(decision.inserts.map(\.message.replyTo) == (allowed ? [seq] : []))
    }

    @Test("a refused send does not use its key up")
    func refusedKey() {
        let decision = decide([draft(anna, "a", replyTo: 99), draft(anna, "a", replyTo: 9)], facts())
        #expect(decision.outcomes[0].field == "replyTo")
        #expect(decision.inserts.map(\.message.seq) == [11])
    }
}
