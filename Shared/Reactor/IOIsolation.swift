/// The executor of the actors that live on an ``IOThread``.
///
/// It is another object than the thread itself, which tasks prefer: were they one, the runtime would take a task that returns from one function of no actor
/// to another for one that leaves an actor, and make a job of every such return.
final class IOIsolation: SerialExecutor {
    private let queue: JobQueue

    init(_ queue: JobQueue) { self.queue = queue }

    func enqueue(_ job: UnownedJob) { queue.add(.actor(job)) }
    func enqueue(_ job: consuming ExecutorJob) { enqueue(UnownedJob(job)) }

    func isIsolatingCurrentContext() -> Bool? { queue.isOnThread }
    func checkIsolated() { queue.checkThread() }
}
