import Bus
import CBOR
import Contracts

@testable import Chats

/// The newest messages of each chat as a process has them in memory, from what it has sent itself: never with a hole, never with another's.
struct RecentHistory {
    private var chats: [ChatID: RecentMessages] = [:]

    mutating func note(_ settled: SettledBatch, _ rows: ChatRows, _ simulator: Simulator) {
        for (chat, rev) in settled.revs.sorted(by: { $0.key < $1.key }) {
            let sent = settled.messages.filter { $0.chatID == chat }
            chats[chat] = (try? chats[chat]?.appending(sent, rev: rev)) ?? Self.read(chat, rows)
            guard let recent = chats[chat], let page = recent.page(.backwards(before: .max, floor: 0), limit: 20) else {
                continue
            }
            let stored = rows.history[chat, default: []].prefix(Int(recent.lastSeq)).suffix(20)
            simulator.check(
                page.items == (try? CBOREncoder.contracts.elements(stored)),
                "a page from memory is not what is stored in chat \(chat)")
        }
    }

    private static func read(_ chat: ChatID, _ rows: ChatRows) -> RecentMessages? {
        rows.chats[chat].flatMap { try? RecentMessages(rev: $0.rev, lastSeq: $0.lastSeq, messages: rows.history[chat] ?? []) }
    }
}
