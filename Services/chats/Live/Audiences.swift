import Cache
import Contracts
import Synchronization

/// Who is in which chat, read after the commit of what they have to be told. Those of direct chats never change and are kept.
final class Audiences: Sendable {
    /// Some 10 MB.
    private static let kept = 65_536

    private let store: AudienceStore
    private let direct = Mutex(LRU<ChatID, Pair>(maxCount: kept, maxCost: .max))

    init(store: AudienceStore) { self.store = store }

    /// One statement at most, whatever their number. Chats that do not exist are left out.
    ///
    /// - Parameter chats: with a number of members; a chat that has more may be left out as well.
    func of(_ chats: [ChatID: Int]) async throws -> [ChatID: Audience] {
        var found: [ChatID: Audience] = [:]
        let unknown = direct.withLock { direct in
            chats.filter { chat, _ in
                guard let pair = direct.use(chat) else { return true }
                found[chat] = Audience(pair)
                return false
            }
        }
        if unknown.isEmpty { return found }
        for (chat, (kind, audience)) in try await store.audiences(of: unknown) {
            found[chat] = audience
            if kind == .direct, audience.everybody.count == 2 { keep(audience.everybody, of: chat) }
        }
        return found
    }

    private func keep(_ users: [UserID], of chat: ChatID) {
        direct.withLock { $0.set(chat, Pair(users[0], users[1]), cost: 1) }
    }
}
