/// The jobs that an ``IOThread`` has dequeued and not run yet.
struct ReadyJobs {
    private let queue: JobQueue
    private let serial: UnownedSerialExecutor
    private let task: UnownedTaskExecutor
    private var jobs: [JobQueue.Work] = []
    private var next = 0

    init(_ queue: JobQueue, serial: UnownedSerialExecutor, task: UnownedTaskExecutor) {
        self.queue = queue
        self.serial = serial
        self.task = task
    }

    /// Whether no dequeued job is left; the queue may hold more.
    var isEmpty: Bool { next == jobs.count }

    /// Runs ready jobs, and the jobs that they enqueue, until none is left or `left` is used up.
    mutating func run(atMost left: inout Int) {
        while left > 0 {
            if isEmpty, !refill() { return }
            let end = min(jobs.count, next + left)
            left -= end - next
            while next < end {
                next += 1
                run(jobs[next - 1])
            }
        }
    }

    private mutating func refill() -> Bool {
        jobs.removeAll(keepingCapacity: true)
        next = 0
        queue.drain(into: &jobs)
        return !jobs.isEmpty
    }

    private func run(_ work: JobQueue.Work) {
        switch work {
        case .task(let job): job.runSynchronously(on: task)
        case .actor(let job): job.runSynchronously(isolatedTo: serial, taskExecutor: task)
        case .block(let body): body()
        }
    }
}
