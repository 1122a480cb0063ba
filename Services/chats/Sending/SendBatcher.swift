import Bus
import Contracts
import Metrics
import Reactor
import ServiceLifecycle
import Tracing

/// Gathers sends into batches: those that are ready in one turn of the loop leave together at its end, and share ids and commit.
///
/// Without a timer, so that a send that is alone leaves at once; under load batches grow by themselves, see ``SendQueue``.
actor SendBatcher: Service {
    private struct Waiting: Sendable {
        let number: UInt64
        let draft: Draft
        let deadline: Deadline
        let context: InstrumentationContext?
        let sender: CheckedContinuation<SettledBatch.Answer, Never>
    }

    static let batchesAtOnce = SendQueue<Waiting, ChatID>.batchesAtOnce

    /// What has less time left is not begun: nobody would be there to hear of it.
    static let leastMilliseconds: Int64 = 50
    /// A batch that is begun has so much time at least, however little its senders have: a commit that is given up half-way leaves everybody in doubt.
    static let batchTime = Duration.seconds(1)

    nonisolated let io: IOThread
    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    private let committer: BatchCommitter
    private var queue: SendQueue<Waiting, ChatID>
    private var lastNumber: UInt64 = 0
    private var workers: [CheckedContinuation<[Waiting]?, Never>] = []
    private var flushIsScheduled = false
    private var isWaitingToLook = false
    private var isStopping = false
    private let batchSizes = Recorder(label: "martlet_send_batch_size")
    private let commits = Metrics.Timer(label: "martlet_send_commit")

    /// - Parameter capacity: sends that may wait for a batch; further ones are refused at once.
    /// - Parameter patience: see ``SendQueue/patience``.
    init(_ committer: BatchCommitter, capacity: Int = 4_096, patience: Duration = .milliseconds(20), on io: IOThread) {
        self.io = io
        self.committer = committer
        queue = SendQueue(
            capacity: capacity, patience: patience, line: { $0.draft.key.chatID }, bytes: { $0.draft.text.utf8.count })
    }

    /// How many wait for a batch now.
    var count: Int { queue.count }

    /// Stores the draft with others that come at the same time.
    ///
    /// - Parameter deadline: when it is not begun some time before, it is not begun at all.
    /// - Throws: what ``SendBatch`` refuses; `unavailable` at once when the queue is full or a dependency is away; `deadlineExceeded`; `unknownOutcome`.
    ///   Cancelling the task takes it out of the queue; what is being committed is waited for.
    func send(_ draft: Draft, deadline: Deadline) async throws(ServiceError) -> SendMessage.Response {
        if deadline.isTooClose { throw .tooLate }
        lastNumber += 1
        let number = lastNumber
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation {
                enqueue(Waiting(number: number, draft: draft, deadline: deadline, context: .current, sender: $0))
            }
        } onCancel: {
            Task(executorPreference: io) { await self.abandon(number) }
        }
        return try answer.get()
    }

    private func enqueue(_ waiting: Waiting) {
        // A cancellation from now on finds the draft in the queue; one from before is seen here.
        if Task.isCancelled { return waiting.sender.resume(returning: .failure(.tooLate)) }
        guard !isStopping, queue.add(waiting) else {
            let error = ServiceError(.unavailable, "too many messages wait to be stored", retryAfterMilliseconds: 500)
            return waiting.sender.resume(returning: .failure(error))
        }
        scheduleFlush()
    }

    private func abandon(_ number: UInt64) {
        for waiting in queue.remove(where: { $0.number == number }) { waiting.sender.resume(returning: .failure(.tooLate)) }
        dismissWorkers()
    }

    // MARK: Batches

    private func scheduleFlush() {
        if flushIsScheduled { return }
        flushIsScheduled = true
        io.atTurnEnd { [weak self] in self?.assumeIsolated { $0.flush() } }
    }

    private func flush() {
        flushIsScheduled = false
        while let worker = workers.last, let batch = queue.take(at: .now) {
            workers.removeLast()
            worker.resume(returning: batch)
        }
        if !isWaitingToLook, let wait = queue.wait(at: .now) {
            isWaitingToLook = true
            io.schedule(after: wait) { [weak self] in self?.assumeIsolated { $0.lookAgain() } }
        }
    }

    /// The batch that is out takes long.
    private func lookAgain() {
        isWaitingToLook = false
        flush()
    }

    /// Works until shutdown, and then until nothing waits any more.
    func run() async {
        await withTaskCancellationOrGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                for _ in 0..<Self.batchesAtOnce {
                    group.addTask(executorPreference: io) { await self.work() }
                }
            }
        } onCancelOrGracefulShutdown: {
            Task(executorPreference: self.io) { await self.stop() }
        }
    }

    /// Commits one batch after the other. Caches and senders are told beside the next one, which need not wait for that.
    private func work() async {
        await withDiscardingTaskGroup { group in
            while let batch = await nextBatch() {
                let inTime = refuseLate(batch)
                let settled = await settle(inTime)
                queue.finish(batch)
                group.addTask(executorPreference: io) { [committer] in
                    await committer.tell(settled)
                    for (waiting, answer) in zip(inTime, settled.answers) { waiting.sender.resume(returning: answer) }
                }
            }
        }
    }

    private func nextBatch() async -> [Waiting]? {
        await withCheckedContinuation {
            workers.append($0)
            if queue.count > 0 { scheduleFlush() }
            dismissWorkers()
        }
    }

    private func refuseLate(_ batch: [Waiting]) -> [Waiting] {
        batch.filter { waiting in
            let isTooLate = waiting.deadline.isTooClose
            if isTooLate { waiting.sender.resume(returning: .failure(.tooLate)) }
            return !isTooLate
        }
    }

    private func settle(_ batch: [Waiting]) async -> SettledBatch {
        guard let last = batch.map(\.deadline.millisecondsLeft).max() else { return SettledBatch() }
        batchSizes.record(batch.count)
        let start = ContinuousClock.now
        let deadline = start + max(.milliseconds(last), Self.batchTime)
        let settled = await Self.traced(batch) { await committer.settle(batch.map(\.draft), deadline: deadline) }
        commits.record(duration: .now - start)
        return settled
    }

    /// A batch belongs to all of its sends; its trace is that of the first that has one.
    private static func traced<Result>(_ batch: [Waiting], _ body: () async -> Result) async -> Result {
        await InstrumentationContext.withValue(batch.lazy.compactMap(\.context).first) {
            await withSpan("chats.commit") { span in
                span.attributes["martlet.batch"] = batch.count
                return await body()
            }
        }
    }

    private func stop() {
        isStopping = true
        dismissWorkers()
    }

    /// When stopping, as soon as nothing waits.
    private func dismissWorkers() {
        guard isStopping, queue.count == 0 else { return }
        for worker in workers { worker.resume(returning: nil) }
        workers = []
    }
}

extension Deadline {
    fileprivate var isTooClose: Bool { millisecondsLeft < SendBatcher.leastMilliseconds }
}

extension ServiceError {
    fileprivate static let tooLate = ServiceError(.deadlineExceeded, "the message was not begun in time", mayHaveHappened: false)
}
