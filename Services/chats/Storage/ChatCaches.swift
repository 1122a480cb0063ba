import Bus
import CBOR
import Cache
import Contracts
import Reactor
import Redis

/// What is kept in memory and in Redis: who may read a chat, and its newest messages.
///
/// Both are asked for with `.checked`: whoever wrote told Redis the new version before answering. Nothing here ever allows a write.
struct ChatCaches: Sendable {
    let memberships: Cache<MemberKey, Membership>
    let recent: Cache<ChatID, RecentMessages>
    private let attention: Duration

    /// - Parameters:
    ///   - attention: how long after it was read a page is brought up to date by whoever sends.
    ///   - timesToLive: how long Redis keeps what is read; as usual unless given.
    init(
        history: HistoryStore, redis: RedisClient, prefix: String, on io: IOThread, attention: Duration = .seconds(1),
        timesToLive: CacheConfiguration.TimesToLive? = nil,
        broadcast: @escaping @Sendable (CacheNotice) -> Void
    ) {
        self.attention = attention
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

    /// What became of a batch. Where that is not known, whatever is known now is stale; when the commit turns out to have happened only later,
    /// ``note(left:)`` follows.
    func note(_ batch: SettledBatch) async {
        let pages = await nextPages(batch)
        async let put = recent.put(pages)
        await recent.invalidate(batch.revs.filter { pages[$0.key] == nil })
        await recent.invalidate(Array(batch.doubts))
        _ = await put
    }

    /// The new pages of chats that are being read, made from the old ones: their readers need not load them.
    private func nextPages(_ batch: SettledBatch) async -> [ChatID: Versioned<RecentMessages>] {
        let known = await recent.cached(batch.revs.keys, readWithin: attention)
        var pages: [ChatID: Versioned<RecentMessages>] = [:]
        for (chat, page) in known where !batch.doubts.contains(chat) {
            guard let rev = batch.revs[chat] else { continue }
            let next = try? page.value?.appending(batch.messages.filter { $0.chatID == chat }, rev: rev)
            if let next { pages[chat] = Versioned(next, version: rev) }
        }
        return pages
    }

    /// Facts that whoever committed them has not published, because they died or lost touch: nor may they have told the caches.
    func note(left events: [OutboxEvent]) async {
        var (chats, members) = ([ChatID: Int64](), [MemberKey: Int64]())
        for event in events {
            for place in event.decoded(as: PlacesTaken.self)?.messages ?? [] {
                chats[place.chatID] = max(place.rev, chats[place.chatID] ?? 0)
            }
            if let fact = event.decoded(as: MemberChanged.self) {
                let key = MemberKey(chatID: fact.chatID, userID: fact.memberID)
                members[key] = max(fact.rev, members[key] ?? 0)
            }
            if let fact = event.decoded(as: ChatCreated.self) {
                for user in fact.members {
                    let key = MemberKey(chatID: fact.chatID, userID: user)
                    members[key] = max(fact.rev, members[key] ?? 0)
                }
            }
            // After an outage there is much of it, and the thread is everybody's.
            await Task.yield()
        }
        await recent.invalidate(chats)
        await memberships.invalidate(members)
    }

    /// What became of a member, and of an heir. Without a change, what a process that died in between may have left untold.
    func note(_ change: MemberChange, of member: UserID, in chat: ChatID) async {
        if change.facts.isEmpty { await memberships.invalidate([MemberKey(chatID: chat, userID: member)]) }
        let revs = change.facts.map { (MemberKey(chatID: chat, userID: $0.memberID), $0.rev) }
        await memberships.invalidate(Dictionary(revs, uniquingKeysWith: max))
    }

    /// It is not known what became of a member.
    func noteDoubt(about member: UserID, in chat: ChatID) async {
        await memberships.invalidate([MemberKey(chatID: chat, userID: member)])
    }

    /// Somebody may have asked about them in vain before.
    func noteOpening(of chat: ChatID, members: [UserID]) async {
        await memberships.invalidate(members.map { MemberKey(chatID: chat, userID: $0) }, version: 1)
    }
}

extension ChatCaches {
    /// With other processes told over the bus.
    init(
        history: HistoryStore, redis: RedisClient, prefix: String, bus: Bus, on io: IOThread,
        timesToLive: CacheConfiguration.TimesToLive?
    ) {
        self.init(history: history, redis: redis, prefix: prefix, on: io, timesToLive: timesToLive) { notice in
            // Every reader here checks versions in Redis anyway: others need to hear only when Redis could not be told.
            guard notice.fenceMilliseconds != nil else { return }
            Task(executorPreference: io) { try? await bus.broadcast(CacheDistrusted(notice: notice)) }
        }
    }

    /// What other processes of this service could not tell Redis.
    var feed: EventSubscription {
        var feed = EventSubscription()
        feed.on(CacheDistrusted.self) { event, _ in
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

/// As much of ``MessagesSent`` as caches care for.
private struct PlacesTaken: Event {
    struct Place: Codable {
        var chatID: ChatID
        var rev: Int64

        enum CodingKeys: String, CodingKey {
            case rev
            case chatID = "chatId"
        }
    }

    static let type = MessagesSent.type
    var subject: String? { nil }
    var messages: [Place]

    enum CodingKeys: String, CodingKey { case messages }
}

/// Between processes of this service: Redis may hold what is no longer so.
private struct CacheDistrusted: Notice {
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
    /// `<chat>.<user>`, as keys in Redis have it.
    var description: String { "\(chatID).\(userID)" }

    init?(_ description: String) {
        let parts = description.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let chat = ChatID(String(parts[0])), let user = UserID(String(parts[1])) else { return nil }
        self.init(chatID: chat, userID: user)
    }
}
