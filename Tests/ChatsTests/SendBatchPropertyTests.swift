import Contracts
import TestSupport
import Testing

@testable import Chats

/// Compares random batches with a model that remembers every message.
@Suite("Send batch, random") struct SendBatchPropertyTests {
    /// The content of the database.
    struct Model {
        var chats: [ChatID: SendBatch.ChatState] = [:]
        var members: [MemberKey: Membership] = [:]
        var blocked: Set<MemberKey> = []
        var stored: [SendKey: StoredMessage] = [:]
        var history: [ChatID: [Message]] = [:]

        init(using random: inout SeededGenerator) {
            for number in Int64(1)...4 {
                let id = ChatID(rawValue: number)
                chats[id] = .init(kind: .group, lastSeq: 0, rev: Int64.random(in: 1...9, using: &random), lastSentAt: nil)
                history[id] = []
                for user in Int64(1)...5 where Bool.random(using: &random) {
                    let key = MemberKey(chatID: id, userID: UserID(rawValue: user))
                    members[key] = Membership(
                        role: .member, joinedSeq: 0, leftSeq: Int.random(in: 0..<5, using: &random) == 0 ? 0 : nil)
                    if Int.random(in: 0..<6, using: &random) == 0 { blocked.insert(key) }
                }
            }
        }

        func state(now: Timestamp) -> SendBatch {
            SendBatch(chats: chats, members: members, blocked: blocked, repeats: stored, now: now)
        }

        mutating func store(_ decision: SendBatch.Decision, drafts: [Draft]) {
            chats.merge(decision.chats) { $1 }
            for insert in decision.inserts {
                let message = insert.message
                let key = SendKey(chatID: message.chatID, senderID: message.senderID, clientMessageID: message.clientMessageID)
                #expect(stored.updateValue(insert, forKey: key) == nil, "stored twice")
                history[message.chatID, default: []].append(message)
            }
        }
    }

    /// Some texts look alike and differ in bytes.
    static func key(using random: inout SeededGenerator) -> String {
        ["é", "e\u{301}"][Int.random(in: 0..<2, using: &random)] + " \(Int.random(in: 0..<15, using: &random))"
    }

    static func drafts(using random: inout SeededGenerator) -> [Draft] {
        (0..<Int.random(in: 20...60, using: &random)).map { _ in
            Draft.sample(
                in: ChatID(rawValue: .random(in: 1...5, using: &random)),
                from: UserID(rawValue: .random(in: 1...6, using: &random)),
                Self.key(using: &random), "text \(Int.random(in: 0..<2, using: &random))",
                replyTo: Int.random(in: 0..<4, using: &random) == 0 ? .random(in: 1...20, using: &random) : nil)
        }
    }

    @Test("seq is dense, rev increases, time never decreases, and keys are stored once", arguments: UInt64(1)...60)
    func order(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var model = Model(using: &random)
        let before = model.chats
        var (now, nextID) = (Int64(10_000), Int64(1))
        for _ in 0..<12 {
            now += .random(in: -40...60, using: &random)
            let drafts = Self.drafts(using: &random)
            let ids = drafts.indices.map { MessageID(rawValue: nextID + Int64($0)) }
            nextID += Int64(drafts.count)
            let decision = model.state(now: Timestamp(now)).decide(drafts, ids: ids)
            #expect(decision.outcomes.count == drafts.count)
            #expect(decision.outcomes.compactMap(\.storedMessage) == decision.inserts.map(\.message))
            for (draft, outcome) in zip(drafts, decision.outcomes) {
                guard let key = outcome.message?.clientMessageID.rawValue else { continue }
                #expect(key.utf8.elementsEqual(draft.key.clientMessageID.rawValue.utf8))
            }
            model.store(decision, drafts: drafts)
        }
        for (id, messages) in model.history {
            #expect(messages.map(\.seq) == Array(1...Int64(messages.count + 1)).dropLast())
            #expect(messages.map(\.rev) == messages.map { $0.seq + before[id]!.rev })
            #expect(zip(messages, messages.dropFirst()).allSatisfy { $0.sentAt <= $1.sentAt && $0.id < $1.id })
            #expect(model.chats[id]?.lastSeq == Int64(messages.count))
        }
        #expect(model.stored.count > 10)  // Guards against a vacuous run.
    }

    @Test("each send is answered as if it were alone, except for its place", arguments: UInt64(1)...60)
    func neighbours(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let model = Model(using: &random)
        let drafts = Self.drafts(using: &random)
        let together = model.state(now: Timestamp(5)).decide(
            drafts, ids: drafts.indices.map { MessageID(rawValue: Int64($0) + 1) })
        var alone = model
        for (index, draft) in drafts.enumerated() {
            let single = alone.state(now: Timestamp(5)).decide([draft], ids: [MessageID(rawValue: Int64(index) + 1)])
            #expect(single.outcomes[0] == together.outcomes[index])
            alone.store(single, drafts: [draft])
        }
    }

    @Test("a repeated batch stores nothing again and returns the same answers", arguments: UInt64(1)...30)
    func repetition(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var model = Model(using: &random)
        let drafts = Self.drafts(using: &random)
        let first = model.state(now: Timestamp(5)).decide(drafts, ids: drafts.indices.map { MessageID(rawValue: Int64($0) + 1) })
        model.store(first, drafts: drafts)
        let accepted = zip(drafts, first.outcomes).filter { $0.1.message != nil }
        #expect(!accepted.isEmpty)
        let second = model.state(now: Timestamp(9)).decide(
            accepted.map(\.0), ids: accepted.indices.map { MessageID(rawValue: Int64($0) + 100) })
        #expect(second.inserts.isEmpty && second.chats.isEmpty)
        #expect(second.outcomes == accepted.map { .repeated($0.1.message!) })
    }
}
