import Reactor
import Synchronization

/// Checks that the process works: the I/O thread runs jobs, and so does the pool that runs the check.
package struct Liveness: Sendable {
    private let io: any TaskExecutor
    private let bound: Duration

    /// - Parameter bound: the longest acceptable wait of a job for its turn on `io`.
    package init(io: any TaskExecutor, bound: Duration = .seconds(2)) {
        self.io = io
        self.bound = bound
    }

    /// Returns how long a job waited for its turn; `nil` beyond the bound.
    package func turnTime() async -> Duration? {
        let begin = ContinuousClock.now
        return await withCheckedContinuation { continuation in
            let result = OneShotContinuation(continuation)
            let timeout = Task.detached { [bound] in
                try? await Task.sleep(for: bound)
                result.resume(returning: nil)
            }
            Task.detached(executorPreference: io) {
                result.resume(returning: begin.duration(to: .now))
                timeout.cancel()
            }
        }
    }
}

/// A continuation of which only the first resume has an effect.
private final class OneShotContinuation<Value: Sendable>: Sendable {
    private let continuation: Mutex<CheckedContinuation<Value, Never>?>

    init(_ continuation: CheckedContinuation<Value, Never>) { self.continuation = Mutex(continuation) }

    func resume(returning value: Value) { continuation.withLock { $0.take() }?.resume(returning: value) }
}
