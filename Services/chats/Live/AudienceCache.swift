import Cache
import Contracts
import Synchronization

/// Who is in which chat, read after the commit of what they have to be told. Those of direct chats never change and are kept; of groups it is kept that they
/// are groups.
final class AudienceCache: Sendable {
    private enum Known {
        case direct(Pair)
        case group
    }

    /// Some 10 MB.
    private static let kept = 65_536

    private let store: AudienceStore
    private let known = Mutex(LRU<ChatID, Known>(maxCount: kept, maxCost: .max))

    init(store: AudienceStore) { self.store = store }

    /// One statement, two at most, whatever their number; none for direct chats that are known. Chats that do not exist are left out.
    ///
    /// - Parameter chats: with a number of members; a chat that has more may be left out as well.
    func of(_ chats: [ChatID: Int]) async throws -> [ChatID: Audience] {
        var (found, groups, others) = ([ChatID: Audience](), [ChatID](), [ChatID: Int]())
        known.withLock { known in
            for (chat, most) in chats {
                switch known.use(chat) {
                case .direct(let pair): found[chat] = Audience(pair)
                case .group where most == .max: groups.append(chat)
                default: others[chat] = most
                }
            }
        }
        if !groups.isEmpty { found.merge(try await store.members(of: groups)) { $1 } }
        if !others.isEmpty { found.merge(try await look(for: others)) { $1 } }
        return found
    }

    private func look(for chats: [ChatID: Int]) async throws -> [ChatID: Audience] {
        let found = try await store.audiences(of: chats)
        known.withLock { known in
            for (chat, (kind, audience)) in found {
                let users = audience.everybody
                if kind == .direct, users.count == 2 { known.set(chat, .direct(Pair(users[0], users[1])), cost: 1) }
                if kind == .group { known.set(chat, .group, cost: 1) }
            }
        }
        return found.mapValues(\.audience)
    }
}
