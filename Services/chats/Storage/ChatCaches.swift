import Bus
import CBOR
import Cache
import Contracts
import Reactor
import Redis

/// The caches of chats: memberships, which decide on reads, and the newest messages. Both are in memory and
/// in Redis.
///
/// Reads use `.checked`: a writer puts the new version into Redis before it answers. Writes never rely on a
/// cache.
struct ChatCaches: Sendable {
    let memberships: Cache<MemberKey, Membership>
    let recent: Cache<ChatID, RecentMessages>
    private let refreshWindow: Duration

    /// - Parameters:
    ///   - refreshWindow: the time after a read in which a send updates the cached page instead of
    ///     invalidating it.
    ///   - timesToLive: the times to live of entries in Redis; `nil` for the defaults.
    ///   - broadcast: sends a notice to the other processes of this service.
    init(
        history: HistoryStore, redis: RedisClient, prefix: String, on io: IOThread, refreshWindow: Duration = .seconds(1),
        timesToLive: CacheConfiguration.TimesToLive? = nil,
        broadcast: @escaping @Sendable (CacheNotice) -> Void
    ) {
        self.refreshWindow = refreshWindow
        memberships = Cache(
            CacheConfiguration(prefix: prefix, kind: "membership.v1", currentTimesToLive: timesToLive), redis: redis, on: io,
            coder: .cbor(),
            broadcast: broadcast
        ) { keys in try await history.memberships(keys).mapValues { Versioned($0.membership, version: $0.rev) } }
        recent = Cache(
            CacheConfiguration(prefix: prefix, kind: "recent.v1", currentTimesToLive: timesToLive), redis: redis, on: io,
            coder: .cbor(),
            broadcast: broadcast
        ) { chats in try await history.recent(chats).mapValues { Versioned($0, version: $0.rev) } }
    }

    /// Applies the outcome of a batch.
    ///
    /// Chats with an unknown outcome are invalidated. If their commit happens later, ``invalidate(after:)``
    /// follows.
    func apply(_ batch: SettledBatch) async {
        let pages = await nextPages(batch)
        async let put = recent.put(pages)
        await recent.invalidate(batch.revs.filter { pages[$0.key] == nil })
        await recent.invalidate(Array(batch.uncertainChats))
        _ = await put
    }

    /// Returns the new pages of chats that are being read, derived from the cached ones, so that readers need
    /// not load them.
    private func nextPages(_ batch: SettledBatch) async -> [ChatID: Versioned<RecentMessages>] {
        let cached = await recent.cached(batch.revs.keys, readWithin: refreshWindow)
        var pages: [ChatID: Versioned<RecentMessages>] = [:]
        for (chat, page) in cached where !batch.uncertainChats.contains(chat) {
            guard let rev = batch.revs[chat] else { continue }
            let next = try? page.value?.appending(batch.messages.filter { $0.chatID == chat }, rev: rev)
            if let next { pages[chat] = Versioned(next, version: rev) }
        }
        return pages
    }

    /// Invalidates what the events change. They were found unpublished: the process that committed them has
    /// died or was cut off, and may not have updated the caches.
    func invalidate(after events: [OutboxEvent]) async {
        var (chats, members) = ([ChatID: Int64](), [MemberKey: Int64]())
        for event in events {
            for position in event.decoded(as: SentPositions.self)?.messages ?? [] {
                chats[position.chatID] = max(position.rev, chats[position.chatID] ?? 0)
            }
            if let changed = event.decoded(as: MemberChanged.self) {
                let key = MemberKey(chatID: changed.chatID, userID: changed.memberID)
                members[key] = max(changed.rev, members[key] ?? 0)
            }
            if let created = event.decoded(as: ChatCreated.self) {
                for user in created.members {
                    let key = MemberKey(chatID: created.chatID, userID: user)
                    members[key] = max(created.rev, members[key] ?? 0)
                }
            }
            // After an outage there are many events, and requests share this thread.
            await Task.yield()
        }
        await recent.invalidate(chats)
        await memberships.invalidate(members)
    }

    /// Invalidates the changed memberships.
    ///
    /// A request that changed nothing invalidates too: it may repeat a request whose process died before it
    /// did so.
    func apply(_ change: MemberChange, of member: UserID, in chat: ChatID) async {
        if change.events.isEmpty { await memberships.invalidate([MemberKey(chatID: chat, userID: member)]) }
        let revs = change.events.map { (MemberKey(chatID: chat, userID: $0.memberID), $0.rev) }
        await memberships.invalidate(Dictionary(revs, uniquingKeysWith: max))
    }

    /// Invalidates a membership whose change has an unknown outcome.
    func invalidateMembership(of member: UserID, in chat: ChatID) async {
        await memberships.invalidate([MemberKey(chatID: chat, userID: member)])
    }

    /// Invalidates the memberships of a new chat: an earlier read may have cached their absence.
    func invalidateMemberships(of members: [UserID], inNewChat chat: ChatID) async {
        await memberships.invalidate(members.map { MemberKey(chatID: chat, userID: $0) }, version: 1)
    }
}

extension ChatCaches {
    /// Creates caches that send notices to the other processes over the bus.
    init(
        history: HistoryStore, redis: RedisClient, prefix: String, bus: Bus, on io: IOThread,
        timesToLive: CacheConfiguration.TimesToLive?
    ) {
        self.init(history: history, redis: redis, prefix: prefix, on: io, timesToLive: timesToLive) { notice in
            // Readers check versions in Redis. Other processes need a notice only if Redis could not be
            // updated.
            guard notice.fenceMilliseconds != nil else { return }
            Task(executorPreference: io) { try? await bus.broadcast(StaleKeysNotice(notice: notice)) }
        }
    }

    /// The feed of keys whose new versions other processes could not write to Redis.
    var feed: EventSubscription {
        var feed = EventSubscription()
        feed.on(StaleKeysNotice.self) { event, _ in
            memberships.assumeIsolated { $0.receive(event.notice) }
            recent.assumeIsolated { $0.receive(event.notice) }
        }
        feed.onLost {
            memberships.assumeIsolated { $0.dropAll() }
            recent.assumeIsolated { $0.dropAll() }
        }
        return feed
    }
}

/// The part of ``MessagesSent`` that the caches need.
private struct SentPositions: Event {
    struct Position: Codable {
        var chatID: ChatID
        var rev: Int64

        enum CodingKeys: String, CodingKey {
            case rev
            case chatID = "chatId"
        }
    }

    static let type = MessagesSent.type
    var subject: String? { nil }
    var messages: [Position]

    enum CodingKeys: String, CodingKey { case messages }
}

/// A notice between processes of this service: Redis may hold stale values of some keys.
private struct StaleKeysNotice: Notice {
    static let type: EventType = "chats.cache.distrusted.v1"
    var notice: CacheNotice

    enum CodingKeys: String, CodingKey { case notice }
}

extension CacheCoder where Value: Codable {
    fileprivate static func cbor() -> CacheCoder {
        CacheCoder(
            encode: { try CBOREncoder.contracts.encode($0) }, decode: { try CBORDecoder.contracts.decode(Value.self, from: $0) })
    }
}

extension MemberKey: LosslessStringConvertible {
    /// `<chat>.<user>`, as in Redis keys.
    var description: String { "\(chatID).\(userID)" }

    init?(_ description: String) {
        let parts = description.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let chat = ChatID(String(parts[0])), let user = UserID(String(parts[1])) else { return nil }
        self.init(chatID: chat, userID: user)
    }
}
