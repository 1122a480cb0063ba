import Foundation
import Synchronization

/// One thread that runs Swift jobs and waits on sockets: the executor of everything hot in a process.
///
/// Actors name it as their executor and request handlers prefer it, so that a request, its calls, its rows and its reply never change threads.
/// It works in turns. A turn runs the jobs that are ready, then what was asked for the turn's end, lets every source flush its output, and then waits for
/// descriptors, timers and new jobs. Whatever must be sent together, the callers that are ready now for example, is therefore collected during a turn and sent
/// at its end, without a timer.
///
/// It lives as long as the process. Nothing on it may block.
package final class IOThread: SerialExecutor, TaskExecutor {
    /// What other threads touch.
    private struct Inbox {
        var jobs: [UnownedJob] = []
        /// The thread is waiting, or about to: whoever adds a job must wake it.
        var sleeping = false
    }

    private let inbox = Mutex(Inbox())
    private let threadID = Atomic<UInt>(0)
    private let waker: Waker

    package init(name: String) {
        waker = Waker()
        let thread = Thread { [self] in
            threadID.store(Self.currentThreadID, ordering: .releasing)
            let turn = Turn(io: self)
            turnStorage.withLock { $0 = turn }
            loop(turn)
        }
        thread.name = name
        thread.stackSize = Blocking.stackSize
        thread.start()
    }

    private let turnStorage = Mutex<Turn?>(nil)

    // MARK: On the thread only

    /// Begins to ask `source` at the end of every turn. Only on the thread.
    package func add(_ source: any IOSource) { onThread { $0.add(source) } }

    /// Forgets `source`; it is not called again, also not later in this turn. Only on the thread.
    package func remove(_ source: any IOSource) { onThread { $0.remove(source) } }

    /// Calls `body` on the thread once `delay` has passed, to the millisecond and never early. Only on the thread.
    @discardableResult
    package func schedule(after delay: Duration, _ body: @escaping @Sendable () -> Void) -> IOTimer {
        onThread { $0.schedule(after: delay, body) }
    }

    /// Does nothing when the timer has fired. Only on the thread.
    package func cancel(_ timer: IOTimer) { onThread { $0.cancel(timer) } }

    /// Calls `body` once, after the jobs that are ready now and before output is flushed. Only on the thread.
    package func atTurnEnd(_ body: @escaping @Sendable () -> Void) { onThread { $0.atEnd(body) } }

    private func onThread<Result: Sendable>(_ body: (isolated Turn) throws -> Result) rethrows -> Result {
        checkIsolated()
        guard let turn = turnStorage.withLock({ $0 }) else { preconditionFailure("the thread made its turn before it ran a job") }
        return try turn.assumeIsolated(body)
    }

    // MARK: Executor

    package func enqueue(_ job: UnownedJob) {
        let mustWake = inbox.withLock { inbox in
            inbox.jobs.append(job)
            defer { inbox.sleeping = false }
            return inbox.sleeping
        }
        if mustWake { waker.wake() }
    }

    package func enqueue(_ job: consuming ExecutorJob) { enqueue(UnownedJob(job)) }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    package func isIsolatingCurrentContext() -> Bool? { threadID.load(ordering: .relaxed) == Self.currentThreadID }

    package func checkIsolated() {
        precondition(threadID.load(ordering: .relaxed) == Self.currentThreadID, "this must run on the I/O thread")
    }

    private static var currentThreadID: UInt { UInt(pthread_self()) }

    // MARK: The loop

    /// Jobs that make jobs may run this many rounds before sockets and timers are looked at again.
    private static let roundsPerTurn = 8

    private func loop(_ turn: Turn) -> Never {
        let (serial, task) = (asUnownedSerialExecutor(), asUnownedTaskExecutor())
        var jobs: [UnownedJob] = []
        while true {
            var round = 0
            while round < Self.roundsPerTurn, runJobs(&jobs, serial, task) { round += 1 }
            // What the turn's end resumes may still join this turn's output.
            round = 0
            while round < Self.roundsPerTurn, turn.assumeIsolated({ $0.runTurnEnd() }) {
                _ = runJobs(&jobs, serial, task)
                round += 1
            }
            turn.assumeIsolated { $0.collectInterests(wakeUpOn: waker.descriptor) }
            let mayWait = inbox.withLock { inbox in
                inbox.sleeping = inbox.jobs.isEmpty
                return inbox.sleeping
            }
            let woken = turn.assumeIsolated { $0.wait(mayWait: mayWait) }
            if mayWait { inbox.withLock { $0.sleeping = false } }
            if woken { waker.drain() }
            turn.assumeIsolated { $0.dispatch() }
        }
    }

    /// Runs what is ready now; whether there was anything.
    private func runJobs(_ jobs: inout [UnownedJob], _ serial: UnownedSerialExecutor, _ task: UnownedTaskExecutor) -> Bool {
        inbox.withLock { swap(&$0.jobs, &jobs) }
        defer { jobs.removeAll(keepingCapacity: true) }
        for job in jobs { job.runSynchronously(isolatedTo: serial, taskExecutor: task) }
        return !jobs.isEmpty
    }
}

/// Names a timer of an ``IOThread``.
package struct IOTimer: Hashable, Sendable {
    let token: TimerWheel<@Sendable () -> Void>.Token
}
