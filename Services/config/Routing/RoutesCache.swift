import Postgres
import Synchronization

/// ``Routes`` with the partition sets as text, as they are stored and sent: `config` need not parse them.
struct EncodedRoutes: Hashable, Encodable, Sendable {
    struct Instance: Hashable, Encodable, Sendable {
        let name: String
        let url: String
        let partitions: String
    }

    let epoch: Int64
    let partitionCount: Int
    let instances: [Instance]
}

/// Caches the routes. After a change all processes read them at about the same time.
final class RoutesCache: Sendable {
    private let store: RoutingStore
    private let cached = Mutex<EncodedRoutes?>(nil)

    init(_ store: RoutingStore) { self.store = store }

    /// Returns the current routes: reads their epoch each time, and the rest only when the epoch has changed.
    func routes() async throws(PostgresError) -> EncodedRoutes {
        let epoch = try await store.epoch()
        if let cached = cached.withLock(\.self), cached.epoch == epoch { return cached }
        let routes = try await store.routes()
        cached.withLock { cached in if routes.epoch > cached?.epoch ?? -1 { cached = routes } }
        return routes
    }
}
