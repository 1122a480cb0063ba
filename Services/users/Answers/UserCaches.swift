import Bus
import CBOR
import Cache
import Contracts
import Foundation
import Reactor
import Redis

/// What is remembered of users: accounts by id, for their owners and for all others, and pages of searches for a moment.
struct UserCaches: Sendable {
    let accounts: Cache<UserID, Account>
    let searches: Cache<SearchPage, Page<User>>
    private let io: IOThread

    /// - Parameter timesToLive: how long Redis keeps accounts; as usual unless given.
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
                let users = Page(read, limit: page.limit) { SearchCursor(after: $0, of: page.query).text }
                found[page] = Versioned(users, version: now().millisecondsSinceEpoch)
            }
            return found
        }
    }

    /// Nobody tells a search that a name has changed: what Redis and memory keep together is less than a second old.
    private static func searching(_ prefix: String) -> CacheConfiguration {
        var configuration = CacheConfiguration(prefix: prefix, kind: "search.v1")
        configuration.timeToLive = .milliseconds(400)
        configuration.absentTimeToLive = .milliseconds(400)
        configuration.maxCount = 1_000
        return configuration
    }

    /// A search may cost a thousand times what an account does: it has a place of its own to wait in, and leaves half of the database's exclusive connections alone.
    private static func fewSearches() -> LoadGate { LoadGate(maxRunning: 2, maxWaiting: 32) }

    private static func coder<Value: Codable & Sendable>() -> CacheCoder<Value> {
        CacheCoder(
            encode: { try CBOREncoder.contracts.encode($0) }, decode: { try CBORDecoder.contracts.decode(Value.self, from: $0) })
    }

    /// Makes a committed account known. Before its writer is answered.
    func put(_ account: Account) async { await accounts.put(account.user.id, Versioned(account, version: account.version)) }

    /// Something may have been committed whose outcome is not known: the next reader asks the database.
    func forget(_ user: UserID) async { await accounts.invalidate([user]) }

    /// Hears what other processes of this service have written. Before the bus runs.
    func listen(on bus: Bus) {
        var feed = EventSubscription()
        // Handlers run on the I/O thread, as the caches do.
        feed.on(CacheChanged.self) { [accounts] changed, _ in accounts.assumeIsolated { $0.receive(changed.notice) } }
        // Its writer has said so already, unless it died in between: the outbox does not.
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

/// A change of a cached value, told to all processes of this service and to nobody else.
struct CacheChanged: Notice {
    static let type: EventType = "users.cache.changed.v1"
    let notice: CacheNotice

    enum CodingKeys: String, CodingKey { case notice }
}
