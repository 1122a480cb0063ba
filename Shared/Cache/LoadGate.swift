import DequeModule
import Synchronization

/// Too many loads wait already. Thrown at once, before the loader was called.
package struct CacheOverloaded: Error, Hashable, Sendable {
    package init() {}
}

/// A load exceeded ``CacheConfiguration/loadTimeout``.
package struct CacheLoadTimedOut: Error, Hashable, Sendable {
    package init() {}
}

/// Bounds concurrent and waiting loads, which protects the store when the cache is cold. The caches of a
/// process may share one.
package final class LoadGate: Sendable {
    private struct State {
        var running = 0
        var waiting: Deque<CheckedContinuation<Void, Never>> = []
    }

    private let state = Mutex(State())
    private let maxRunning: Int
    private let maxWaiting: Int

    /// - Parameters:
    ///   - maxRunning: at least 1.
    ///   - maxWaiting: with 0, a load that cannot run at once is refused.
    package init(maxRunning: Int = 16, maxWaiting: Int = 512) {
        self.maxRunning = max(1, maxRunning)
        self.maxWaiting = maxWaiting
    }

    /// The numbers of running and of waiting loads.
    package var load: (running: Int, waiting: Int) { state.withLock { ($0.running, $0.waiting.count) } }

    /// Runs `body`, after waiting for a free slot.
    ///
    /// - Throws: ``CacheOverloaded`` at once, or what `body` throws.
    /// - Note: Cancellation does not shorten the wait; `body` runs in a cancelled task then.
    func run<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
        try await enter()
        defer { leave() }
        return try await body()
    }

    private func enter() async throws {
        let mustWait = try state.withLock { state in
            if state.running < maxRunning {
                state.running += 1
                return false
            }
            if state.waiting.count >= maxWaiting { throw CacheOverloaded() }
            return true
        }
        if mustWait { await wait() }
    }

    private func wait() async {
        await withCheckedContinuation { continuation in
            // A slot may have become free since the check.
            let isAdmitted = state.withLock { state in
                if state.running < maxRunning {
                    state.running += 1
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if isAdmitted { continuation.resume() }
        }
    }

    /// Passes the slot to the load that has waited longest.
    private func leave() {
        let next = state.withLock { state in
            let next = state.waiting.popFirst()
            if next == nil { state.running -= 1 }
            return next
        }
        next?.resume()
    }
}
