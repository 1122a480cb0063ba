import Postgres
import Synchronization

/// ``Routes`` with the partitions as they are written: whoever passes them on need not read them.
struct WrittenRoutes: Hashable, Encodable, Sendable {
    struct Instance: Hashable, Encodable, Sendable {
        let name: String
        let url: String
        let partitions: String
    }

    let epoch: Int64
    let partitionCount: Int
    let instances: [Instance]
}

/// The routes as they were read last. A change makes everybody ask at once, and most of them for the same.
final class KnownRoutes: Sendable {
    private let store: RoutingStore
    private let known = Mutex<WrittenRoutes?>(nil)

    init(_ store: RoutingStore) { self.store = store }

    /// As they are now: their epoch is asked for each time, the rest only when it is another.
    func routes() async throws(PostgresError) -> WrittenRoutes {
        let epoch = try await store.epoch()
        if let known = known.withLock(\.self), known.epoch == epoch { return known }
        let routes = try await store.routes()
        known.withLock { known in if routes.epoch > known?.epoch ?? -1 { known = routes } }
        return routes
    }
}
