import Contracts
import Postgres

@testable import Bus
@testable import Chats

/// The schema `chats` with the statements of `SendStore`: row locks and atomic transactions. Contains no
/// rules of the service.
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
        outbox = OutboxRows(simulator)
        locks = RowLocks(simulator)
    }

    func create(_ chat: ChatID, _ kind: ChatKind, members users: [UserID]) {
        chats[chat] = .init(kind: kind, lastSeq: 0, rev: 1, lastSentAt: nil)
        for user in users {
            members[MemberKey(chatID: chat, userID: user)] = Membership(role: .member, joinedSeq: 0, leftSeq: nil)
        }
    }

    func begin() -> Transaction {
        lastTransaction += 1
        open.insert(lastTransaction)
        return lastTransaction
    }

    /// Locks the chats and reads the state for ``SendBatch``; `nil` if the locks are not free within 500 ms.
    func read(_ drafts: [Draft], in transaction: Transaction, _ done: @escaping (SendBatch?) -> Void) {
        // The transaction was aborted before this statement arrived.
        guard open.contains(transaction) else { return done(nil) }
        let wanted = Set(drafts.map(\.key.chatID))
        locks.lock(wanted, for: transaction, atMost: 500) { isOurs in done(isOurs ? self.state(for: drafts) : nil) }
    }

    private func state(for drafts: [Draft]) -> SendBatch {
        var batch = SendBatch(chats: [:], members: [:], blocked: [], repeats: [:], now: now)
        for draft in drafts {
            let sender = MemberKey(chatID: draft.key.chatID, userID: draft.key.senderID)
            batch.chats[sender.chatID] = chats[sender.chatID]
            batch.members[sender] = members[sender]
            batch.repeats[draft.key] = stored[draft.key]
            if chats[sender.chatID]?.kind == .direct, hasBlocked(sender) { batch.blocked.insert(sender) }
        }
        return batch
    }

    private var now: Timestamp { Timestamp(millisecondsSinceEpoch: Host.beginning + clock.reading(at: simulator.now)) }

    private func hasBlocked(_ sender: MemberKey) -> Bool {
        members.keys.contains {
            $0.chatID == sender.chatID && $0.userID != sender.userID && blocks.isBlocked(sender.userID, by: $0.userID)
        }
    }

    /// Ends a transaction without effect and passes its locks on.
    func abort(_ transaction: Transaction) {
        open.remove(transaction)
        locks.unlock(transaction)
    }

    /// - Returns: false if the transaction was aborted before.
    func commit(_ decision: SendBatch.Decision, _ event: OutboxEvent, in transaction: Transaction) -> Bool {
        guard locks.areHeld(by: transaction) else { return false }
        for insert in decision.inserts { store(insert) }
        chats.merge(decision.chats) { $1 }
        for (id, chat) in decision.chats {
            simulator.check(
                history[id]?.last?.seq == chat.lastSeq, "lastSeq \(chat.lastSeq) of chat \(id) is not that of its last message")
        }
        outbox.insert([event])
        abort(transaction)
        return true
    }

    /// Stores a message. Reports also violations that the unique indexes of Postgres would reject: the rules
    /// must prevent them.
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

/// The table `blocks` of `chats`: the copy of the blocks of `users`.
///
/// Repeats the rule that `BlockStore.apply` states in SQL: the highest `rev` wins. `BlockStoreTests` checks
/// it in Postgres, and the simulation checks that it suffices.
struct BlockRows {
    struct Key: Hashable {
        let user: UserID
        let other: UserID
    }

    private(set) var rows: [Key: (blocked: Bool, rev: Int64)] = [:]

    mutating func apply(_ event: BlockChanged) {
        let key = Key(user: event.userID, other: event.otherID)
        if let row = rows[key], row.rev >= event.rev { return }
        rows[key] = (event.blocked, event.rev)
    }

    func isBlocked(_ other: UserID, by user: UserID) -> Bool { rows[Key(user: user, other: other)]?.blocked ?? false }
}
