import Bus
import Contracts
import Metrics
import Reactor
import ServiceLifecycle
import Tracing

/// Collects sends into batches that share one commit. Sends that are ready in one turn of the I/O loop leave
/// together at its end.
///
/// No timer delays a send: a single one leaves at once. Under load, batches grow by themselves; see
/// ``SendQueue``.
actor SendBatcher: Service {
    private struct PendingSend: Sendable {
        let number: UInt64
        let draft: Draft
        let deadline: Deadline
        /// The trace of the send.
        let context: InstrumentationContext?
        let continuation: CheckedContinuation<SettledBatch.Answer, Never>
    }

    /// The largest number of commits at the same time.
    static let maximumBatches = SendQueue<PendingSend, ChatID>.maximumBatches

    /// Sends with less time left are not started: the answer would come after the sender's deadline.
    static let minimumMilliseconds: Int64 = 50
    /// The shortest time limit of a commit, whatever the deadlines of its sends. A commit that is abandoned
    /// half-way leaves the outcome of every send unknown.
    static let minimumCommitTime = Duration.seconds(1)

    nonisolated let io: IOThread
    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    private let committer: BatchCommitter
    private var queue: SendQueue<PendingSend, ChatID>
    private var lastNumber: UInt64 = 0
    /// Workers that wait for a batch; `nil` ends a worker.
    private var idleWorkers: [CheckedContinuation<[PendingSend]?, Never>] = []
    private var flushIsScheduled = false
    private var delayedFlushIsScheduled = false
    private var isStopping = false
    private let batchSizes = Recorder(label: "martlet_send_batch_size")
    private let commits = Metrics.Timer(label: "martlet_send_commit")

    /// - Parameters:
    ///   - capacity: the largest number of sends that wait for a batch; further sends are refused at once.
    ///   - patience: see ``SendQueue/patience``.
    init(_ committer: BatchCommitter, capacity: Int = 4_096, patience: Duration = .milliseconds(20), on io: IOThread) {
        self.io = io
        self.committer = committer
        queue = SendQueue(
            capacity: capacity, patience: patience, lane: { $0.draft.key.chatID }, bytes: { $0.draft.text.utf8.count })
    }

    /// The number of sends that wait for a batch.
    var count: Int { queue.count }

    /// Stores the draft, in one commit with others that arrive at the same time.
    ///
    /// Cancelling the task removes the send from the queue. If its commit has started, the call waits for the
    /// outcome.
    ///
    /// - Parameter deadline: a send that has less than ``minimumMilliseconds`` left is not started.
    /// - Throws: the refusals of ``SendBatch``; `unavailable` at once if the queue is full or a dependency is
    ///   away; `deadlineExceeded`; `unknownOutcome`.
    func send(_ draft: Draft, deadline: Deadline) async throws(ServiceError) -> SendMessage.Response {
        if deadline.isTooClose { throw .tooLate }
        lastNumber += 1
        let number = lastNumber
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation {
                enqueue(PendingSend(number: number, draft: draft, deadline: deadline, context: .current, continuation: $0))
            }
        } onCancel: {
            io.post { self.assumeIsolated { $0.abandon(number) } }
        }
        return try answer.get()
    }

    private func enqueue(_ send: PendingSend) {
        // A later cancellation finds the send in the queue; an earlier one is visible here.
        if Task.isCancelled { return send.continuation.resume(returning: .failure(.tooLate)) }
        guard !isStopping, queue.add(send) else {
            let error = ServiceError(.unavailable, "too many messages are waiting; try again", retryAfterMilliseconds: 500)
            return send.continuation.resume(returning: .failure(error))
        }
        scheduleFlush()
    }

    private func abandon(_ number: UInt64) {
        for send in queue.remove(where: { $0.number == number }) { send.continuation.resume(returning: .failure(.tooLate)) }
        dismissWorkersIfDone()
    }

    // MARK: Batches

    private func scheduleFlush() {
        if flushIsScheduled { return }
        flushIsScheduled = true
        io.atTurnEnd { [weak self] in self?.assumeIsolated { $0.flush() } }
    }

    private func flush() {
        flushIsScheduled = false
        while let worker = idleWorkers.last, let batch = queue.nextBatch(at: .now) {
            idleWorkers.removeLast()
            worker.resume(returning: batch)
        }
        if !delayedFlushIsScheduled, let delay = queue.delayUntilNextBatch(at: .now) {
            delayedFlushIsScheduled = true
            io.schedule(after: delay) { [weak self] in self?.assumeIsolated { $0.delayedFlush() } }
        }
    }

    /// Runs when the batch in flight has taken longer than the queue's patience.
    private func delayedFlush() {
        delayedFlushIsScheduled = false
        flush()
    }

    /// Commits batches until shutdown, then those that still wait.
    func run() async {
        await withTaskCancellationOrGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                for _ in 0..<Self.maximumBatches {
                    group.addTask(executorPreference: io) { await self.work() }
                }
            }
        } onCancelOrGracefulShutdown: {
            self.io.post { self.assumeIsolated { $0.stop() } }
        }
    }

    /// Commits one batch after another. Updating the caches and answering the senders do not delay the next
    /// batch.
    private func work() async {
        await withDiscardingTaskGroup { group in
            while let batch = await nextBatch() {
                let sends = refuseLate(batch)
                let settled = await settle(sends)
                queue.finish(batch)
                group.addTask(executorPreference: io) { [committer] in
                    await committer.updateCaches(settled)
                    for (send, answer) in zip(sends, settled.answers) { send.continuation.resume(returning: answer) }
                }
            }
        }
    }

    /// - Returns: `nil` when the worker shall end.
    private func nextBatch() async -> [PendingSend]? {
        await withCheckedContinuation {
            idleWorkers.append($0)
            if queue.count > 0 { scheduleFlush() }
            dismissWorkersIfDone()
        }
    }

    /// Answers the sends that have too little time left, and returns the others.
    private func refuseLate(_ batch: [PendingSend]) -> [PendingSend] {
        batch.filter { send in
            let isTooLate = send.deadline.isTooClose
            if isTooLate { send.continuation.resume(returning: .failure(.tooLate)) }
            return !isTooLate
        }
    }

    private func settle(_ batch: [PendingSend]) async -> SettledBatch {
        guard let last = batch.map(\.deadline.millisecondsLeft).max() else { return SettledBatch() }
        batchSizes.record(batch.count)
        let start = ContinuousClock.now
        let deadline = start + max(.milliseconds(last), Self.minimumCommitTime)
        let settled = await Self.traced(batch) { await committer.settle(batch.map(\.draft), deadline: deadline) }
        commits.record(duration: .now - start)
        return settled
    }

    /// Runs `body` in a span of the first trace among the sends: a span has one parent.
    private static func traced<Result>(_ batch: [PendingSend], _ body: () async -> Result) async -> Result {
        await InstrumentationContext.withValue(batch.lazy.compactMap(\.context).first) {
            await withSpan("chats.commit") { span in
                span.attributes["martlet.batch"] = batch.count
                return await body()
            }
        }
    }

    private func stop() {
        isStopping = true
        dismissWorkersIfDone()
    }

    /// Ends the idle workers during shutdown once no send waits.
    private func dismissWorkersIfDone() {
        guard isStopping, queue.count == 0 else { return }
        for worker in idleWorkers { worker.resume(returning: nil) }
        idleWorkers = []
    }
}

extension Deadline {
    fileprivate var isTooClose: Bool { millisecondsLeft < SendBatcher.minimumMilliseconds }
}

extension ServiceError {
    fileprivate static let tooLate = ServiceError(
        .deadlineExceeded, "the message was not stored in time; send it again", mayHaveHappened: false)
}
