import Bus
import CBOR
import Cache
import Contracts
import Foundation
import Reactor
import Redis

/// Caches accounts by id, and pages of searches for a moment.
struct UserCaches: Sendable {
    let accounts: Cache<UserID, Account>
    let searches: Cache<SearchPage, Page<User>>
    private let io: IOThread

    /// - Parameter timesToLive: how long Redis keeps accounts; `nil` for the default of
    ///   ``CacheConfiguration``.
    init(
        prefix: String, redis: RedisClient, on io: IOThread, profiles: ProfileStore,
        timesToLive: CacheConfiguration.TimesToLive? = nil,
        now: @escaping @Sendable () -> Timestamp,
        broadcast: @escaping @Sendable (CacheNotice) -> Void
    ) {
        self.io = io
        accounts = Cache(
            CacheConfiguration(prefix: prefix, kind: "account.v1", currentTimesToLive: timesToLive), redis: redis, on: io,
            coder: Self.coder(),
            broadcast: broadcast
        ) { ids in
            try await profiles.accounts(ids).mapValues { Versioned($0, version: $0.version) }
        }
        searches = Cache(
            Self.searching(prefix), redis: redis, on: io, coder: Self.coder(), gate: Self.fewSearches(), broadcast: { _ in }
        ) { pages in
            var found: [SearchPage: Versioned<Page<User>>] = [:]
            for page in pages {
                let read = try await profiles.search(page.query, after: page.after, limit: page.limit)
                let users = Page(of: read, limit: page.limit) { SearchCursor(after: $0, of: page.query).text }
                found[page] = Versioned(users, version: now().millisecondsSinceEpoch)
            }
            return found
        }
    }

    /// Changed names do not invalidate searches, so memory and Redis together keep a page for less than a
    /// second.
    private static func searching(_ prefix: String) -> CacheConfiguration {
        var configuration = CacheConfiguration(prefix: prefix, kind: "search.v1")
        configuration.timeToLive = .milliseconds(400)
        configuration.absentTimeToLive = .milliseconds(400)
        configuration.maxCount = 1_000
        return configuration
    }

    /// A search may cost a thousand times as much as an account. Its own gate leaves half of the database's
    /// exclusive connections to others.
    private static func fewSearches() -> LoadGate { LoadGate(maxRunning: 2, maxWaiting: 32) }

    private static func coder<Value: Codable & Sendable>() -> CacheCoder<Value> {
        CacheCoder(
            encode: { try CBOREncoder.contracts.encode($0) }, decode: { try CBORDecoder.contracts.decode(Value.self, from: $0) })
    }

    /// Updates the caches with a committed account. Call it before answering the writer.
    func put(_ account: Account) async { await accounts.put(account.user.id, Versioned(account, version: account.version)) }

    /// Makes the next reader ask the database, after a commit with an unknown outcome.
    func invalidate(_ user: UserID) async { await accounts.invalidate([user]) }

    /// Follows the changes of other processes of this service. Only before the bus runs.
    func listen(on bus: Bus) {
        var feed = EventSubscription()
        // Handlers run on the I/O thread, as the caches do.
        feed.on(CacheChanged.self) { [accounts] changed, _ in accounts.assumeIsolated { $0.receive(changed.notice) } }
        // Repeats what the writer has broadcast, in case it died after its commit.
        feed.on(UserUpdated.self) { [self] changed, _ in
            Task(executorPreference: io) { await put(Account(user: changed.user, version: changed.version)) }
        }
        feed.onLost { [accounts, searches] in
            accounts.assumeIsolated { $0.dropAll() }
            searches.assumeIsolated { $0.dropAll() }
        }
        bus.subscribe(feed)
    }
}

/// The change of a cached value, broadcast to all processes of this service.
struct CacheChanged: Notice {
    static let type: EventType = "users.cache.changed.v1"
    let notice: CacheNotice

    enum CodingKeys: String, CodingKey { case notice }
}
