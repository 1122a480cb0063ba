import CBOR
import Contracts

@testable import Bus
@testable import Chats

/// A process of chats: the parts of `SendBatcher`, `MessageIDProvider` and `BatchCommitter` around the rules,
/// and the consumer of blocks.
final class ChatsHost: Host {
    struct PendingSend {
        let draft: Draft
        /// Milliseconds since 1970, by this process's clock.
        let deadline: Int64
        let answer: (SettledBatch.Answer) -> Void
    }

    private let rows: ChatRows
    private var components: Components?
    private var queue = emptyQueue
    private var prefetched = IDPrefetch()
    private var recent = RecentHistory()
    private var flushIsScheduled = false

    private struct Components {
        let rpcServer: RPCServer
        let ids: RPCClient
        let publisher: Publisher
        let store: SendSession
        let database: DatabaseLink
    }

    init(
        _ name: String, _ simulator: Simulator, broker: Broker, rows: ChatRows, blocks: ConsumerQueue,
        database: (Host) -> DatabaseLink
    ) {
        self.rows = rows
        super.init(name, simulator)
        let database = database(self)
        let publisher = Publisher(self, rows: rows.outbox, broker: broker, database: database)
        let components = Components(
            rpcServer: RPCServer(.chats, on: self, broker), ids: RPCClient(.chats, on: self, broker), publisher: publisher,
            store: SendSession(self, rows: rows, database: database) { publisher.committed([$0]) }, database: database)
        components.rpcServer.serve(SendMessage.self) { [unowned self] in send($0, deadline: $1, $2) }
        blocks.add(self) { [unowned self] in apply($0, $1) }
        self.components = components
    }

    private static var emptyQueue: SendQueue<PendingSend, ChatID> {
        SendQueue(capacity: 256, lane: { $0.draft.key.chatID }, bytes: { $0.draft.text.utf8.count })
    }

    override func begin() {
        queue = Self.emptyQueue
        prefetched = IDPrefetch()
        recent = RecentHistory()
        flushIsScheduled = false
        components?.rpcServer.begin()
        components?.ids.begin()
        components?.store.begin()
        components?.publisher.begin()
    }

    override func connectionsClosed() { components?.store.connectionsClosed() }

    func disconnect(for milliseconds: Int64) { components?.ids.disconnect(for: milliseconds) }

    // MARK: Sends

    private func send(
        _ request: SendMessage, deadline: Int64, _ done: @escaping (Result<SendMessage.Response, ServiceError>) -> Void
    ) {
        let draft: Draft
        do { draft = try Draft(request, hash: RequestHash.init(of:)) } catch { return done(.failure(error)) }
        guard queue.add(PendingSend(draft: draft, deadline: deadline, answer: done)) else {
            return done(.failure(ServiceError(.unavailable, "too many messages are waiting")))
        }
        scheduleFlush()
    }

    private func scheduleFlush() {
        if flushIsScheduled { return }
        flushIsScheduled = true
        after(0) {
            self.flushIsScheduled = false
            while let batch = self.queue.nextBatch(at: self.instant) { self.settle(batch) }
            // Another flush may come first. A flush without a batch has no effect.
            if let delay = self.queue.delayUntilNextBatch(at: self.instant) {
                self.after(Int64(delay / .milliseconds(1)) + 1) { self.scheduleFlush() }
            }
        }
    }

    private func settle(_ batch: [PendingSend]) {
        let sends = batch.filter { $0.deadline - wallClock >= SendBatcher.minimumMilliseconds }
        for send in batch where send.deadline - wallClock < SendBatcher.minimumMilliseconds {
            send.answer(.failure(ServiceError(.deadlineExceeded, "not stored in time", mayHaveHappened: false)))
        }
        guard let last = sends.map({ $0.deadline - wallClock }).max() else { return finish(batch, sends: [], SettledBatch()) }
        let drafts = sends.map(\.draft)
        let deadline = simulator.now + max(last, Int64(SendBatcher.minimumCommitTime / .milliseconds(1)))
        nextIDs(drafts.count) { ids in
            guard let ids else {
                let error = ServiceError(.unavailable, "no ids")
                return self.finish(batch, sends: sends, SettledBatch(drafts, failed: error))
            }
            self.store(BatchSegment(drafts: drafts, ids: ids), deadline: deadline) { self.finish(batch, sends: sends, $0) }
        }
    }

    private func finish(_ batch: [PendingSend], sends: [PendingSend], _ settled: SettledBatch) {
        queue.finish(batch)
        scheduleFlush()
        recent.apply(settled, rows, simulator: simulator)
        simulator.check(sends.count == settled.answers.count, "\(sends.count) sends get \(settled.answers.count) answers")
        for (send, answer) in zip(sends, settled.answers) { send.answer(answer) }
    }

    // MARK: Ids

    private func nextIDs(_ count: Int, _ done: @escaping ([MessageID]?) -> Void) {
        let ready = prefetched.remove(count, at: instant)
        let size = prefetched.fetchSize(after: count, at: instant)
        if size > 0 { fetch(size) { self.prefetched.add($0 ?? [], at: self.instant) } }
        if ready.count == count { return done(ready) }
        fetch(count - ready.count) { more in done(more.map { (ready + $0).sorted() }) }
    }

    private func fetch(_ count: Int, _ done: @escaping ([MessageID]?) -> Void) {
        components?.ids.call(NextIDs(count: count)) { result in
            done((try? result.get())?.ids.map { MessageID(rawValue: $0.rawValue) })
        }
    }

    // MARK: Commits

    private func store(_ segment: BatchSegment, deadline: Int64, _ done: @escaping (SettledBatch) -> Void) {
        components?.store.commit(segment.drafts, ids: segment.ids) { result in
            switch result {
            case .success(let decision): done(SettledBatch(decision, ids: segment.ids))
            case .failure(let error):
                var segment = segment
                let next = segment.record(CommitFailure(error))
                let rest = self.simulator.between(50, 100) * Int64(segment.failedAttempts)
                if next.mayRepeat, self.simulator.now + rest < deadline {
                    return self.after(rest) { self.store(segment, deadline: deadline, done) }
                }
                switch next.otherwise {
                case .divide(let pieces): self.store(pieces[...], deadline: deadline, settled: [], done)
                case .refuse(let refusal): done(SettledBatch(segment.drafts, failed: refusal))
                }
            }
        }
    }

    private func store(
        _ pieces: ArraySlice<BatchSegment.Piece>, deadline: Int64, settled: [(indices: [Int], batch: SettledBatch)],
        _ done: @escaping (SettledBatch) -> Void
    ) {
        guard let (indices, segment) = pieces.first else { return done(SettledBatch(settled)) }
        store(segment, deadline: deadline) {
            self.store(pieces.dropFirst(), deadline: deadline, settled: settled + [(indices, $0)], done)
        }
    }

    // MARK: Blocks

    private func apply(_ event: OutboxEvent, _ acknowledge: @escaping ConsumerQueue.Acknowledge) {
        guard let block = event.decoded(as: BlockChanged.self) else { return simulator.violated("an event cannot be decoded") }
        components?.database.run({ self.rows.blocks.apply(block) }) { if case .success = $0 { acknowledge() } }
    }
}

/// The newest messages of each chat in the memory of a process, built from its own sends. Checks every page
/// against the stored messages.
struct RecentHistory {
    private var chats: [ChatID: RecentMessages] = [:]

    mutating func apply(_ settled: SettledBatch, _ rows: ChatRows, simulator: Simulator) {
        for (chat, rev) in settled.revs.sorted(by: { $0.key < $1.key }) {
            let sent = settled.messages.filter { $0.chatID == chat }
            chats[chat] = (try? chats[chat]?.appending(sent, rev: rev)) ?? Self.read(chat, rows)
            guard let recent = chats[chat], let page = recent.page(.backwards(before: .max, floor: 0), limit: 20) else {
                continue
            }
            let stored = rows.history[chat, default: []].prefix(Int(recent.lastSeq)).suffix(20)
            simulator.check(
                page.items == (try? CBOREncoder.contracts.elements(stored)),
                "a page from memory differs from the stored messages of chat \(chat)")
        }
    }

    private static func read(_ chat: ChatID, _ rows: ChatRows) -> RecentMessages? {
        rows.chats[chat].flatMap { try? RecentMessages(rev: $0.rev, lastSeq: $0.lastSeq, messages: rows.history[chat] ?? []) }
    }
}
