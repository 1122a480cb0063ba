import Bus
import Contracts
import Reactor
import Testing

@testable import Chats

@Suite("Send batcher", .timeLimit(.minutes(5))) struct SendBatcherTests {
    static let io = IOThread(name: "test-sends")

    /// Holds arriving batches until the test releases them.
    actor Gate {
        nonisolated var unownedExecutor: UnownedSerialExecutor { SendBatcherTests.io.asUnownedSerialExecutor() }
        private var held: [([Draft], CheckedContinuation<Void, Never>)] = []
        private var watchers: [(Int, CheckedContinuation<Void, Never>)] = []
        private var isOpen = false

        func pass(_ drafts: [Draft]) async {
            if isOpen { return }
            await withCheckedContinuation {
                held.append((drafts, $0))
                let count = held.count
                for (_, watcher) in watchers.filter({ $0.0 <= count }) { watcher.resume() }
                watchers.removeAll { $0.0 <= count }
            }
        }

        /// Waits until `count` batches are held and returns their texts.
        func batches(_ count: Int) async -> [[String]] {
            if held.count < count { await withCheckedContinuation { watchers.append((count, $0)) } }
            return held.map { $0.0.map(\.text) }
        }

        func release() { held.isEmpty ? () : held.removeFirst().1.resume() }

        func open() {
            isOpen = true
            for (_, batch) in held { batch.resume() }
            held = []
        }
    }

    /// Runs a batcher on a store that answers once the gate releases a batch.
    func with<Result: Sendable>(
        capacity: Int = 100, patience: Duration = .zero,
        updateCaches: @escaping @Sendable (SettledBatch) async -> Void = { _ in },
        _ body: @escaping @Sendable (SendBatcher, Gate) async throws -> Result
    ) async throws -> Result {
        let gate = Gate()
        let committer = BatchCommitter(
            nextIDs: { (1...$0).map { MessageID(rawValue: Int64($0)) } },
            commit: { drafts, _, _ in
                await gate.pass(drafts)
                let outcomes = drafts.map { SendBatch.Outcome.stored(.sample(seq: 1, text: $0.text)) }
                return SendBatch.Decision(outcomes: outcomes, inserts: [], chats: [:])
            }, updateCaches: updateCaches)
        let batcher = SendBatcher(committer, capacity: capacity, patience: patience, on: Self.io)
        let run = Task { await batcher.run() }
        let result = try await Task(executorPreference: Self.io) { try await body(batcher, gate) }.value
        await gate.open()
        run.cancel()
        await run.value
        return result
    }

    /// Begins a send in the present turn, to a chat of its own unless given.
    func begin(_ text: String, _ batcher: SendBatcher, to chat: Int64? = nil, within limit: Duration = .seconds(60)) -> Task<
        String, any Error
    > {
        let chat = ChatID(rawValue: chat ?? ChatsDatabase.id())
        return Task(executorPreference: Self.io) {
            try await batcher.send(.sample(in: chat, from: UserID(rawValue: 1), text, text), deadline: .after(limit)).message.text
        }
    }

    @Test("a single send leaves at once, sends of one turn leave together, and each receives its own answer")
    func turn() async throws {
        try await with { batcher, gate in
            let alone = begin("a", batcher)
            #expect(await gate.batches(1) == [["a"]])
            let together = ["b", "c", "d"].map { begin($0, batcher) }
            #expect(await gate.batches(2) == [["a"], ["b", "c", "d"]])
            await gate.open()
            var answers = [try await alone.value]
            for task in together { answers.append(try await task.value) }
            #expect(answers == ["a", "b", "c", "d"])
        }
    }

    @Test("with two batches in flight the others collect, and leave together once a batch finishes")
    func collects() async throws {
        try await with { batcher, gate in
            var tasks: [Task<String, any Error>] = []
            for text in ["a", "b"] {
                tasks.append(begin(text, batcher))
                _ = await gate.batches(tasks.count)
            }
            for text in ["c", "d", "e"] { tasks.append(begin(text, batcher)) }
            while await batcher.count < 3 { await Task.yield() }
            await gate.release()
            #expect(await gate.batches(2) == [["b"], ["c", "d", "e"]])
            await gate.open()
            for task in tasks { _ = try await task.value }
        }
    }

    @Test("sends that arrive while a batch is in flight leave with the next one, or beside a slow one")
    func patience() async throws {
        try await with(patience: .seconds(600)) { batcher, gate in
            let tasks = [begin("a", batcher)]
            _ = await gate.batches(1)
            let later = [begin("b", batcher), begin("c", batcher)]
            while await batcher.count < 2 { await Task.yield() }
            await gate.release()
            #expect(await gate.batches(1) == [["b", "c"]])
            await gate.open()
            for task in tasks + later { _ = try await task.value }
        }
        try await with(patience: .milliseconds(5)) { batcher, gate in
            let tasks = [begin("a", batcher)]
            _ = await gate.batches(1)
            let later = begin("b", batcher)
            #expect(await gate.batches(2) == [["a"], ["b"]])
            await gate.open()
            for task in tasks + [later] { _ = try await task.value }
        }
    }

    @Test("a send of a cancelled task is not stored")
    func cancelledBefore() async throws {
        try await with { batcher, gate in
            let never = begin("never", batcher)
            never.cancel()
            let error = await never.result.error
            #expect(error?.code == .deadlineExceeded && error?.mayHaveHappened == false)
            let next = begin("next", batcher)
            #expect(await gate.batches(1) == [["next"]])
            await gate.open()
            _ = try await next.value
        }
    }

    @Test("two sends to one chat are never in flight together, and other sends overtake the waiting one")
    func oneChat() async throws {
        try await with { batcher, gate in
            let first = begin("a", batcher, to: 1)
            _ = await gate.batches(1)
            let second = begin("b", batcher, to: 1)
            while await batcher.count < 1 { await Task.yield() }
            let other = begin("c", batcher, to: 2)
            #expect(await gate.batches(2) == [["a"], ["c"]])
            await gate.release()
            #expect(await gate.batches(2) == [["c"], ["b"]])
            await gate.open()
            for task in [first, second, other] { _ = try await task.value }
        }
    }

    @Test("the next batch does not wait for the cache updates of the last one, but its senders do")
    func cacheUpdates() async throws {
        let cacheGate = Gate()
        try await with(updateCaches: { _ in await cacheGate.pass([]) }) { batcher, gate in
            await gate.open()
            let first = begin("a", batcher, to: 1)
            _ = await cacheGate.batches(1)
            let second = begin("b", batcher, to: 1)
            _ = await cacheGate.batches(2)
            await cacheGate.open()
            let answers = [try await first.value, try await second.value]
            #expect(answers == ["a", "b"])
        }
    }

    @Test("a full queue refuses at once, and a cancelled send leaves the queue and is not stored")
    func fullAndCancelled() async throws {
        try await with(capacity: 2) { batcher, gate in
            let out = [begin("a", batcher)]
            _ = await gate.batches(1)
            let second = begin("b", batcher)
            _ = await gate.batches(2)
            let waiting = [begin("c", batcher), begin("d", batcher)]
            while await batcher.count < 2 { await Task.yield() }
            let refused = await begin("e", batcher).result
            #expect(refused.error?.code == .unavailable && refused.error?.mayHaveHappened == false)
            waiting[0].cancel()
            let cancelled = await waiting[0].result
            #expect(cancelled.error?.code == .deadlineExceeded && cancelled.error?.mayHaveHappened == false)
            #expect(await batcher.count == 1)
            await gate.release()
            #expect(await gate.batches(2) == [["b"], ["d"]])
            await gate.open()
            for task in out + [second, waiting[1]] { _ = try await task.value }
        }
    }

    @Test(
        "a send that is late or has too little time left is not started",
        arguments: [Duration.zero, .milliseconds(40)])
    func late(left: Duration) async throws {
        try await with { batcher, gate in
            let error = await begin("a", batcher, within: left).result.error
            #expect(error?.code == .deadlineExceeded && error?.mayHaveHappened == false)
            let fine = begin("b", batcher)
            #expect(await gate.batches(1) == [["b"]])
            await gate.open()
            _ = try await fine.value
        }
    }

    @Test("stopping stores the waiting sends and refuses later ones")
    func stopping() async throws {
        let kept = try await with { batcher, gate in
            var tasks = [begin("a", batcher)]
            _ = await gate.batches(1)
            tasks.append(begin("b", batcher))
            _ = await gate.batches(2)
            tasks.append(begin("c", batcher))
            while await batcher.count < 1 { await Task.yield() }
            return (batcher, tasks)
        }
        for task in kept.1 { _ = try await task.value }
        #expect(await begin("d", kept.0).result.error?.code == .unavailable)
    }
}

extension Result where Success == String, Failure == any Error {
    fileprivate var error: ServiceError? { if case .failure(let error) = self { error as? ServiceError } else { nil } }
}
