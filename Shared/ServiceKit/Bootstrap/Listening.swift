import Synchronization

/// A port that becomes known when its server listens.
final class Listening: Sendable {
    private enum State { case waiting([CheckedContinuation<Int, Never>]), open(Int) }
    private let state = Mutex(State.waiting([]))

    func set(_ port: Int) {
        let waiters = state.withLock { state in
            defer { state = .open(port) }
            if case .waiting(let waiters) = state { return waiters }
            return []
        }
        for waiter in waiters { waiter.resume(returning: port) }
    }

    func port() async -> Int {
        await withCheckedContinuation { continuation in
            let port: Int? = state.withLock { state in
                switch state {
                case .open(let port): return port
                case .waiting(let waiters):
                    state = .waiting(waiters + [continuation])
                    return nil
                }
            }
            if let port { continuation.resume(returning: port) }
        }
    }
}
