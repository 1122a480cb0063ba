import Synchronization

/// Closed until it is opened for good; any number of tasks may wait before it.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var lastWaiter = 0
        var waiting: [Int: CheckedContinuation<Void, any Error>] = [:]
    }

    private let state = Mutex(State())

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [:] }
            return state.waiting.values
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Returns once the gate is open.
    ///
    /// - Throws: `CancellationError`.
    func wait() async throws {
        let waiter = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { enter(waiter, $0) }
        } onCancel: {
            state.withLock { $0.waiting.removeValue(forKey: waiter) }?.resume(throwing: CancellationError())
        }
    }

    private func enter(_ waiter: Int, _ continuation: CheckedContinuation<Void, any Error>) {
        let result: Result<Void, any Error>? = state.withLock { state in
            if state.isOpen { return .success(()) }
            // A cancellation from now on finds the waiter; one from before is seen here.
            if Task.isCancelled { return .failure(CancellationError()) }
            state.waiting[waiter] = continuation
            return nil
        }
        if let result { continuation.resume(with: result) }
    }
}
