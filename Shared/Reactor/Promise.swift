import Synchronization

/// A value that becomes known once. Any number of tasks may wait for it.
package final class Promise<Value: Sendable>: Sendable {
    private struct State {
        var value: Value?
        var waiters: [Int: CheckedContinuation<Value, any Error>] = [:]
        var lastWaiter = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// Sets the value and resumes all waiters. Later calls have no effect.
    package func fulfill(_ value: Value) {
        let waiters = state.withLock { state -> [CheckedContinuation<Value, any Error>] in
            if state.value != nil { return [] }
            state.value = value
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.resume(returning: value) }
    }

    /// The value, as soon as it is known.
    ///
    /// - Throws: `CancellationError` when the waiting task is cancelled.
    package var value: Value {
        get async throws {
            let waiter = state.withLock { state in
                state.lastWaiter += 1
                return state.lastWaiter
            }
            return try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { add(waiter, $0) }
            } onCancel: {
                state.withLock { $0.waiters.removeValue(forKey: waiter) }?.resume(throwing: CancellationError())
            }
        }
    }

    private func add(_ waiter: Int, _ continuation: CheckedContinuation<Value, any Error>) {
        let result: Result<Value, any Error>? = state.withLock { state in
            if let value = state.value { return .success(value) }
            // A later cancellation finds the waiter; an earlier one is seen here.
            if Task.isCancelled { return .failure(CancellationError()) }
            state.waiters[waiter] = continuation
            return nil
        }
        if let result { continuation.resume(with: result) }
    }
}

extension Promise<Void> {
    package func fulfill() { fulfill(()) }
}
