import Contracts
import Reactor

/// Gives batches their ids without a round trip each: those of the next batch are fetched while this one commits.
actor MessageIDProvider {
    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    private let io: IOThread
    private let fetch: @Sendable (Int) async throws -> [MessageID]
    private var stock = IDPrefetch()

    /// - Parameter fetch: brings as many ids as asked for, ascending, within a time of its own.
    init(on io: IOThread, fetch: @escaping @Sendable (Int) async throws -> [MessageID]) {
        self.io = io
        self.fetch = fetch
    }

    /// - Returns: `count` ids, ascending.
    /// - Throws: what `fetch` throws, when what is kept is not enough.
    func next(_ count: Int) async throws -> [MessageID] {
        let kept = stock.take(count, at: .now)
        refill(after: count)
        if kept.count == count { return kept }
        return (kept + (try await fetch(count - kept.count))).sorted()
    }

    private func refill(after count: Int) {
        let wanted = stock.demand(after: count, at: .now)
        if wanted == 0 { return }
        // For a later batch: nobody waits for it, and what fails is asked for again when it is needed.
        Task.detached(executorPreference: io) { [self, fetch] in
            let ids = (try? await fetch(wanted)) ?? []
            await add(ids)
        }
    }

    private func add(_ ids: [MessageID]) { stock.fetched(ids, at: .now) }
}
