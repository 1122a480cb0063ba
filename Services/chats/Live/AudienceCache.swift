import Cache
import Contracts
import Synchronization

/// Reads the audiences of chats, after the commit that they are to hear of.
///
/// Audiences of direct chats never change and are cached. Of a group, only its kind is cached.
final class AudienceCache: Sendable {
    private enum CachedChat {
        case direct(UserPair)
        case group
    }

    /// About 10 MB.
    private static let capacity = 65_536

    private let store: AudienceStore
    private let entries = Mutex(LRU<ChatID, CachedChat>(maxCount: capacity, maxCost: .max))

    init(store: AudienceStore) { self.store = store }

    /// Returns the audiences of existing chats. Runs no statement for cached direct chats, and at most two in
    /// all.
    ///
    /// - Parameter chats: each with a limit; a chat with more members may be missing from the result.
    func audiences(of chats: [ChatID: Int]) async throws -> [ChatID: Audience] {
        var (found, groups, others) = ([ChatID: Audience](), [ChatID](), [ChatID: Int]())
        entries.withLock { entries in
            for (chat, limit) in chats {
                switch entries.use(chat) {
                case .direct(let pair): found[chat] = Audience(pair)
                case .group where limit == .max: groups.append(chat)
                default: others[chat] = limit
                }
            }
        }
        if !groups.isEmpty { found.merge(try await store.members(of: groups)) { $1 } }
        if !others.isEmpty { found.merge(try await load(others)) { $1 } }
        return found
    }

    private func load(_ chats: [ChatID: Int]) async throws -> [ChatID: Audience] {
        let found = try await store.audiences(of: chats)
        entries.withLock { entries in
            for (chat, (kind, audience)) in found {
                let members = audience.members
                if kind == .direct, members.count == 2, let pair = UserPair(members[0], members[1]) {
                    entries.set(chat, .direct(pair), cost: 1)
                }
                if kind == .group { entries.set(chat, .group, cost: 1) }
            }
        }
        return found.mapValues(\.audience)
    }
}
