import Foundation
import Synchronization

/// What is to be done on an ``IOThread``, from whatever thread it comes.
final class JobQueue: Sendable {
    enum Work {
        /// Of a task that prefers the thread.
        case task(UnownedJob)
        /// Of an actor that lives on it.
        case actor(UnownedJob)
        /// A plain closure.
        case block(@Sendable () -> Void)
    }

    private struct State {
        var waiting: [Work] = []
        /// The thread is waiting, or about to: whoever adds something must wake it.
        var sleeping = false
    }

    private let state = Mutex(State())
    private let threadID = Atomic<UInt>(0)
    let waker = Waker()

    func add(_ work: Work) {
        let mustWake = state.withLock { state in
            state.waiting.append(work)
            defer { state.sleeping = false }
            return state.sleeping
        }
        if mustWake { waker.wake() }
    }

    // MARK: The thread that empties it

    func belongToCurrentThread() { threadID.store(Self.currentThreadID, ordering: .releasing) }

    var isOnThread: Bool { threadID.load(ordering: .relaxed) == Self.currentThreadID }

    func checkThread() { precondition(isOnThread, "this must run on the I/O thread") }

    private static var currentThreadID: UInt { UInt(pthread_self()) }

    /// Puts everything that waits into `work`, which is empty.
    func take(_ work: inout [Work]) { state.withLock { swap(&$0.waiting, &work) } }

    /// Whether nothing waits; then whoever adds something wakes the thread.
    func beginSleep() -> Bool {
        state.withLock { state in
            state.sleeping = state.waiting.isEmpty
            return state.sleeping
        }
    }

    func endSleep() { state.withLock { $0.sleeping = false } }
}
