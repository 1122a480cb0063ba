/// The executor of the actors that live on an ``IOThread``.
///
/// It is not the thread itself, which tasks prefer. If both were one object, the runtime would treat every
/// return between nonisolated functions as a departure from an actor and enqueue a job for it.
final class IOIsolation: SerialExecutor {
    private let queue: JobQueue

    init(_ queue: JobQueue) { self.queue = queue }

    func enqueue(_ job: UnownedJob) { queue.add(.actor(job)) }
    func enqueue(_ job: consuming ExecutorJob) { enqueue(UnownedJob(job)) }

    func isIsolatingCurrentContext() -> Bool? { queue.isOnThread }
    func checkIsolated() { queue.checkThread() }
}
