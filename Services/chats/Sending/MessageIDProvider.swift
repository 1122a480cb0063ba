import Contracts
import Reactor

/// Provides batches with message ids. Fetches ids for the next batches while one commits, so that most
/// batches do not wait for a round trip to `idgen`.
actor MessageIDProvider {
    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    private let io: IOThread
    private let fetch: @Sendable (Int) async throws -> [MessageID]
    private var prefetched = IDPrefetch()

    /// - Parameter fetch: returns the given number of ids, ascending, within a time limit of its own.
    init(on io: IOThread, fetch: @escaping @Sendable (Int) async throws -> [MessageID]) {
        self.io = io
        self.fetch = fetch
    }

    /// - Returns: `count` ids, ascending.
    /// - Throws: the error of `fetch`, if the prefetched ids do not suffice.
    func next(_ count: Int) async throws -> [MessageID] {
        let ready = prefetched.remove(count, at: .now)
        prefetch(after: count)
        if ready.count == count { return ready }
        return (ready + (try await fetch(count - ready.count))).sorted()
    }

    private func prefetch(after count: Int) {
        let size = prefetched.fetchSize(after: count, at: .now)
        if size == 0 { return }
        // No batch waits for this fetch. After a failure, the batch that needs ids fetches them itself.
        Task.detached(executorPreference: io) { [self, fetch] in
            let ids = (try? await fetch(size)) ?? []
            await add(ids)
        }
    }

    private func add(_ ids: [MessageID]) { prefetched.add(ids, at: .now) }
}
