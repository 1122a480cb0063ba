import Contracts

@testable import Bus
@testable import Chats

/// A process of chats: what `SendBatcher`, `MessageIDs` and `BatchCommitter` do around their queue, stock and parts; and the consumer of blocks.
final class ChatsHost: Host {
    struct Waiting {
        let draft: Draft
        /// Milliseconds since 1970, by this process's clock.
        let deadline: Int64
        let answer: (SettledBatch.Answer) -> Void
    }

    private let rows: ChatRows
    private var parts: Parts?
    private var queue = emptyQueue
    private var stock = IDStock()
    private var recent = RecentHistory()
    private var flushIsScheduled = false

    private struct Parts {
        let answerer: Answerer
        let ids: Caller
        let publisher: Publisher
        let store: SendSession
        let wire: Wire
    }

    init(_ name: String, _ simulator: Simulator, _ broker: Broker, _ rows: ChatRows, _ blocks: FactQueue, _ wire: (Host) -> Wire)
    {
        self.rows = rows
        super.init(name, simulator)
        let wire = wire(self)
        let publisher = Publisher(self, rows.outbox, broker, wire)
        let parts = Parts(
            answerer: Answerer(.chats, on: self, broker), ids: Caller(.chats, on: self, broker), publisher: publisher,
            store: SendSession(self, rows, wire) { publisher.committed([$0]) }, wire: wire)
        parts.answerer.serve(SendMessage.self) { [unowned self] in send($0, deadline: $1, $2) }
        blocks.add(self) { [unowned self] in note($0, $1) }
        self.parts = parts
    }

    private static var emptyQueue: SendQueue<Waiting, ChatID> {
        SendQueue(capacity: 256, line: { $0.draft.key.chatID }, bytes: { $0.draft.text.utf8.count })
    }

    override func begin() {
        (queue, stock, recent, flushIsScheduled) = (Self.emptyQueue, IDStock(), RecentHistory(), false)
        parts?.answerer.begin()
        parts?.ids.begin()
        parts?.store.begin()
        parts?.publisher.begin()
    }

    override func gone() { parts?.store.gone() }

    func disconnect(for milliseconds: Int64) { parts?.ids.disconnect(for: milliseconds) }

    // MARK: Sends

    private func send(
        _ request: SendMessage, deadline: Int64, _ done: @escaping (Result<SendMessage.Response, ServiceError>) -> Void
    ) {
        let draft: Draft
        do { draft = try Draft(request, hash: RequestHash.init(of:)) } catch { return done(.failure(error)) }
        guard queue.add(Waiting(draft: draft, deadline: deadline, answer: done)) else {
            return done(.failure(ServiceError(.unavailable, "too many messages wait to be stored")))
        }
        scheduleFlush()
    }

    private func scheduleFlush() {
        if flushIsScheduled { return }
        flushIsScheduled = true
        after(0) {
            self.flushIsScheduled = false
            while let batch = self.queue.take(at: self.instant) { self.settle(batch) }
            // Not asked for again when something else wakes it first: a flush that finds nothing to do does nothing.
            if let wait = self.queue.wait(at: self.instant) {
                self.after(Int64(wait / .milliseconds(1)) + 1) { self.scheduleFlush() }
            }
        }
    }

    private func settle(_ batch: [Waiting]) {
        let inTime = batch.filter { $0.deadline - wallClock >= SendBatcher.leastMilliseconds }
        for waiting in batch where waiting.deadline - wallClock < SendBatcher.leastMilliseconds {
            waiting.answer(.failure(ServiceError(.deadlineExceeded, "not begun in time", mayHaveHappened: false)))
        }
        guard let last = inTime.map({ $0.deadline - wallClock }).max() else { return finish(batch, [], SettledBatch()) }
        let drafts = inTime.map(\.draft)
        let deadline = simulator.now + max(last, Int64(SendBatcher.batchTime / .milliseconds(1)))
        nextIDs(drafts.count) { ids in
            guard let ids else {
                let error = ServiceError(.unavailable, "there are no ids for messages now")
                return self.finish(batch, inTime, SettledBatch(drafts, failed: error))
            }
            self.store(BatchPart(drafts: drafts, ids: ids), deadline) { self.finish(batch, inTime, $0) }
        }
    }

    private func finish(_ batch: [Waiting], _ inTime: [Waiting], _ settled: SettledBatch) {
        queue.finish(batch)
        scheduleFlush()
        recent.note(settled, rows, simulator)
        simulator.check(inTime.count == settled.answers.count, "\(inTime.count) sends get \(settled.answers.count) answers")
        for (waiting, answer) in zip(inTime, settled.answers) { waiting.answer(answer) }
    }

    // MARK: Ids

    private func nextIDs(_ count: Int, _ done: @escaping ([MessageID]?) -> Void) {
        let kept = stock.take(count, at: instant)
        let wanted = stock.demand(after: count, at: instant)
        if wanted > 0 { fetch(wanted) { self.stock.fetched($0 ?? [], at: self.instant) } }
        if kept.count == count { return done(kept) }
        fetch(count - kept.count) { more in done(more.map { (kept + $0).sorted() }) }
    }

    private func fetch(_ count: Int, _ done: @escaping ([MessageID]?) -> Void) {
        parts?.ids.call(NextIDs(count: count)) { result in
            done((try? result.get())?.ids.map { MessageID(rawValue: $0.rawValue) })
        }
    }

    // MARK: Commits

    private func store(_ part: BatchPart, _ deadline: Int64, _ done: @escaping (SettledBatch) -> Void) {
        parts?.store.commit(part.drafts, part.ids) { result in
            switch result {
            case .success(let decision): done(SettledBatch(decision, ids: part.ids))
            case .failure(let error):
                var part = part
                let failure = part.failed(with: error)
                let rest = self.simulator.between(50, 100) * Int64(part.attempts)
                if failure.isWorthRepeating, self.simulator.now + rest < deadline {
                    return self.after(rest) { self.store(part, deadline, done) }
                }
                switch failure.otherwise {
                case .divide(let pieces): self.store(pieces[...], deadline, [], done)
                case .refuse(let refusal): done(SettledBatch(part.drafts, failed: refusal))
                }
            }
        }
    }

    private func store(
        _ pieces: ArraySlice<BatchPart.Piece>, _ deadline: Int64, _ settled: [(places: [Int], batch: SettledBatch)],
        _ done: @escaping (SettledBatch) -> Void
    ) {
        guard let (places, part) = pieces.first else { return done(SettledBatch(settled)) }
        store(part, deadline) { self.store(pieces.dropFirst(), deadline, settled + [(places, $0)], done) }
    }

    // MARK: Blocks

    private func note(_ event: OutboxEvent, _ done: @escaping FactQueue.Done) {
        guard let fact = event.decoded(as: BlockChanged.self) else { return simulator.violated("a fact cannot be read") }
        parts?.wire.ask({ self.rows.blocks.note(fact) }) { if case .success = $0 { done() } }
    }
}
