import Synchronization

/// A port that becomes known when its server listens.
final class Listening: Sendable {
    private struct State {
        var port: Int?
        var waiters: [Int: CheckedContinuation<Int?, Never>] = [:]
        var nextID = 0
    }

    private let state = Mutex(State())

    func set(_ port: Int) {
        let waiters = state.withLock { state in
            state.port = port
            defer { state.waiters = [:] }
            return state.waiters.values
        }
        for waiter in waiters { waiter.resume(returning: port) }
    }

    /// - Throws: `CancellationError`.
    func port() async throws -> Int {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        let port = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in wait(id, continuation) }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(returning: nil)
        }
        guard let port else { throw CancellationError() }
        return port
    }

    private func wait(_ id: Int, _ continuation: CheckedContinuation<Int?, Never>) {
        let answer: Int?? = state.withLock { state in
            if let port = state.port { return .some(port) }
            // A cancellation before this is seen here; one after it finds the waiter.
            if Task.isCancelled { return .some(nil) }
            state.waiters[id] = continuation
            return nil
        }
        if let answer { continuation.resume(returning: answer) }
    }
}
