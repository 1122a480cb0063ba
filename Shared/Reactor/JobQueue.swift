import Foundation
import Synchronization

/// The work that other threads and the thread itself have enqueued for an ``IOThread``.
final class JobQueue: Sendable {
    enum Work {
        /// A job of a task that prefers the thread.
        case task(UnownedJob)
        /// A job of an actor that lives on the thread.
        case actor(UnownedJob)
        /// A plain closure.
        case block(@Sendable () -> Void)
    }

    private struct State {
        var waiting: [Work] = []
        /// Whether the thread polls, or is about to: adding work must then wake it.
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

    // MARK: The consuming thread

    func bindToCurrentThread() { threadID.store(Self.currentThreadID, ordering: .releasing) }

    var isOnThread: Bool { threadID.load(ordering: .relaxed) == Self.currentThreadID }

    func checkThread() { precondition(isOnThread, "this must run on the I/O thread") }

    private static var currentThreadID: UInt { UInt(pthread_self()) }

    /// Moves all waiting work into `work`, which must be empty.
    func drain(into work: inout [Work]) { state.withLock { swap(&$0.waiting, &work) } }

    /// Returns whether no work waits. If so, adding work wakes the thread until ``endSleep()``.
    func beginSleep() -> Bool {
        state.withLock { state in
            state.sleeping = state.waiting.isEmpty
            return state.sleeping
        }
    }

    func endSleep() { state.withLock { $0.sleeping = false } }
}
