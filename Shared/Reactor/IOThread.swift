import Foundation
import Synchronization

/// A thread that runs Swift jobs and polls sockets: the executor of a process's hot path.
///
/// Actors use it as their executor and request handlers prefer it, so a request, its calls, its rows and its
/// reply never change threads.
///
/// It works in turns. A turn runs the ready jobs, then the blocks scheduled for the turn's end. Every source
/// then flushes its output, and the thread polls descriptors, timers and new jobs. Output of one turn, such
/// as the calls of all callers that are ready, is therefore batched without a timer.
///
/// It lives as long as the process. Code on it must not block.
package final class IOThread: TaskExecutor {
    private let queue = JobQueue()
    private let isolation: IOIsolation
    private let turnStorage = Mutex<Turn?>(nil)

    package init(name: String) {
        isolation = IOIsolation(queue)
        let thread = Thread { [self] in
            queue.bindToCurrentThread()
            let turn = Turn(io: self)
            turnStorage.withLock { $0 = turn }
            loop(turn)
        }
        thread.name = name
        thread.stackSize = Blocking.stackSize
        thread.start()
    }

    /// Whether the caller runs on this thread.
    package var isCurrent: Bool { queue.isOnThread }

    /// Runs `body` on the thread, after every job and block that was enqueued before. Callable from any
    /// thread.
    ///
    /// Blocks of one thread run in the order in which it posted them, which tasks do not promise. Inside,
    /// actors that live on the thread can be entered with `assumeIsolated`.
    package func post(_ body: @escaping @Sendable () -> Void) { queue.add(.block(body)) }

    // MARK: On the thread only

    /// Starts to poll `source` at the end of every turn. Only on the thread.
    package func add(_ source: any IOSource) { onThread { $0.add(source) } }

    /// Removes `source`, which is not called again, not even later in this turn. Only on the thread.
    package func remove(_ source: any IOSource) { onThread { $0.remove(source) } }

    /// Calls `body` on the thread after `delay`, with a resolution of 1 ms and never early. Only on the
    /// thread.
    @discardableResult
    package func schedule(after delay: Duration, _ body: @escaping @Sendable () -> Void) -> IOTimer {
        onThread { $0.schedule(after: delay, body) }
    }

    /// Cancels a timer; has no effect after it has fired. Only on the thread.
    package func cancel(_ timer: IOTimer) { onThread { $0.cancel(timer) } }

    /// Calls `body` once in this turn, after the ready jobs and before output is flushed. Only on the thread.
    package func atTurnEnd(_ body: @escaping @Sendable () -> Void) { onThread { $0.atEnd(body) } }

    private func onThread<Result: Sendable>(_ body: (isolated Turn) throws -> Result) rethrows -> Result {
        queue.checkThread()
        guard let turn = turnStorage.withLock({ $0 }) else { preconditionFailure("the thread made its turn before it ran a job") }
        return try turn.assumeIsolated(body)
    }

    // MARK: Executor

    /// The executor of actors that live on the thread.
    package func asUnownedSerialExecutor() -> UnownedSerialExecutor { isolation.asUnownedSerialExecutor() }

    package func enqueue(_ job: UnownedJob) { queue.add(.task(job)) }
    package func enqueue(_ job: consuming ExecutorJob) { enqueue(UnownedJob(job)) }

    // MARK: The loop

    /// The number of jobs that may run before output is flushed and sockets and timers are polled again.
    private static let jobsPerTurn = 256

    private func loop(_ turn: Turn) -> Never {
        var jobs = ReadyJobs(queue, serial: isolation.asUnownedSerialExecutor(), task: asUnownedTaskExecutor())
        while true {
            var left = Self.jobsPerTurn
            jobs.run(atMost: &left)
            // Jobs that the turn's end resumes may still join this turn's output.
            while turn.assumeIsolated({ $0.runTurnEnd() }), left > 0 { jobs.run(atMost: &left) }
            turn.assumeIsolated { $0.collectInterests(wakeUpOn: queue.waker.descriptor) }
            let mayWait = jobs.isEmpty && queue.beginSleep()
            let woken = turn.assumeIsolated { $0.wait(mayWait: mayWait) }
            if mayWait { queue.endSleep() }
            if woken { queue.waker.drain() }
            turn.assumeIsolated { $0.dispatch() }
        }
    }
}

/// Identifies a timer of an ``IOThread``.
package struct IOTimer: Hashable, Sendable {
    let token: TimerWheel<@Sendable () -> Void>.Token
}
