import Contracts
import Postgres

@testable import Bus
@testable import Chats

/// The schema `chats`, as `SendStore` works on it: rows under locks, and transactions that happen whole or not at all. What is decided is not decided here.
final class ChatRows {
    typealias Transaction = Int

    let outbox: OutboxRows
    var blocks = BlockRows()
    var clock = SkewedClock()
    private(set) var chats: [ChatID: SendBatch.ChatState] = [:]
    private(set) var members: [MemberKey: Membership] = [:]
    private(set) var stored: [SendKey: StoredMessage] = [:]
    private(set) var history: [ChatID: [Message]] = [:]
    private var ids: Set<MessageID> = []
    private var locks: RowLocks<ChatID>
    private var lastTransaction = 0
    private var open: Set<Transaction> = []
    private let simulator: Simulator

    init(_ simulator: Simulator) {
        self.simulator = simulator
        (outbox, locks) = (OutboxRows(simulator), RowLocks(simulator))
    }

    func open(_ chat: ChatID, _ kind: ChatKind, _ people: [UserID]) {
        chats[chat] = .init(kind: kind, lastSeq: 0, rev: 1, lastSentAt: nil)
        for user in people {
            members[MemberKey(chatID: chat, userID: user)] = Membership(role: .member, joinedSeq: 0, leftSeq: nil)
        }
    }

    func begin() -> Transaction {
        lastTransaction += 1
        open.insert(lastTransaction)
        return lastTransaction
    }

    /// Locks the chats and reads what ``SendBatch`` wants to know; `nil` when that takes more than half a second.
    func read(_ drafts: [Draft], in transaction: Transaction, _ done: @escaping (SendBatch?) -> Void) {
        // It was given up before this came.
        guard open.contains(transaction) else { return done(nil) }
        let wanted = Set(drafts.map(\.key.chatID))
        locks.lock(wanted, for: transaction, atMost: 500) { isOurs in done(isOurs ? self.facts(drafts) : nil) }
    }

    private func facts(_ drafts: [Draft]) -> SendBatch {
        var facts = SendBatch(chats: [:], members: [:], blocked: [], repeats: [:], now: now)
        for draft in drafts {
            let sender = MemberKey(chatID: draft.key.chatID, userID: draft.key.senderID)
            facts.chats[sender.chatID] = chats[sender.chatID]
            facts.members[sender] = members[sender]
            facts.repeats[draft.key] = stored[draft.key]
            if chats[sender.chatID]?.kind == .direct, hasBlocked(sender) { facts.blocked.insert(sender) }
        }
        return facts
    }

    private var now: Timestamp { Timestamp(millisecondsSinceEpoch: Host.beginning + clock.reading(at: simulator.now)) }

    private func hasBlocked(_ sender: MemberKey) -> Bool {
        members.keys.contains {
            $0.chatID == sender.chatID && $0.userID != sender.userID && blocks.isBlocked(sender.userID, by: $0.userID)
        }
    }

    /// Ends a transaction without a trace. Its locks go to those who wait.
    func abort(_ transaction: Transaction) {
        open.remove(transaction)
        locks.unlock(transaction)
    }

    /// - Returns: false when it had been aborted.
    func commit(_ decision: SendBatch.Decision, _ event: OutboxEvent, in transaction: Transaction) -> Bool {
        guard locks.areHeld(by: transaction) else { return false }
        for insert in decision.inserts { store(insert) }
        chats.merge(decision.chats) { $1 }
        for (id, chat) in decision.chats {
            simulator.check(history[id]?.last?.seq == chat.lastSeq, "chat \(id) counts \(chat.lastSeq) messages and has others")
        }
        outbox.insert([event])
        abort(transaction)
        return true
    }

    /// Postgres would refuse some of this by its unique indexes; that anything has to be refused is a fault already.
    private func store(_ insert: StoredMessage) {
        let (message, last) = (insert.message, history[insert.message.chatID]?.last)
        let key = SendKey(
            chatID: message.chatID, senderID: message.senderID, clientMessageID: message.clientMessageID)
        simulator.check(stored.updateValue(insert, forKey: key) == nil, "stored twice: \(key.clientMessageID.rawValue)")
        simulator.check(ids.insert(message.id).inserted, "two messages have the id \(message.id)")
        simulator.check(
            message.seq == (last?.seq ?? 0) + 1, "seq \(message.seq) after \(last?.seq ?? 0) in chat \(message.chatID)")
        simulator.check(
            message.rev == (last?.rev ?? 1) + 1, "rev \(message.rev) after \(last?.rev ?? 1) in chat \(message.chatID)")
        simulator.check(
            last.map { $0.sentAt <= message.sentAt } ?? true, "sentAt goes back at seq \(message.seq) of chat \(message.chatID)")
        history[message.chatID, default: []].append(message)
    }
}
