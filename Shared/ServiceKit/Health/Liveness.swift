import Reactor
import Synchronization

/// Whether the process works: its I/O thread turns, and the pool that runs this very question does too.
package struct Liveness: Sendable {
    private let io: any TaskExecutor
    private let bound: Duration

    /// - Parameter bound: how long a job may wait for its turn on `io`.
    package init(io: any TaskExecutor, bound: Duration = .seconds(2)) { (self.io, self.bound) = (io, bound) }

    /// How long a job waited for its turn; `nil` when it waited for longer than the bound.
    package func turnTime() async -> Duration? {
        let begin = ContinuousClock.now
        return await withCheckedContinuation { continuation in
            let answer = Once(continuation)
            let timeout = Task.detached { [bound] in
                try? await Task.sleep(for: bound)
                answer.resume(returning: nil)
            }
            Task.detached(executorPreference: io) {
                answer.resume(returning: begin.duration(to: .now))
                timeout.cancel()
            }
        }
    }
}

/// A continuation that two may try to resume: the first one does.
private final class Once<Value: Sendable>: Sendable {
    private let continuation: Mutex<CheckedContinuation<Value, Never>?>

    init(_ continuation: CheckedContinuation<Value, Never>) { self.continuation = Mutex(continuation) }

    func resume(returning value: Value) { continuation.withLock { $0.take() }?.resume(returning: value) }
}
