import Contracts
import Synchronization
import Testing

@testable import Chats
@testable import Postgres

@Suite("Batch committer") struct BatchCommitterTests {
    /// A store that remembers, and fails as it is told.
    final class Store: Sendable {
        enum Fault { case before(PostgresError), after(PostgresError) }
        struct State {
            var stored: [Draft.Key: Message] = [:]
            var faults: [Fault] = []
            var batches: [Int] = []
            var told = 0
        }

        let state: Mutex<State>
        init(faults: [Fault] = []) { state = Mutex(State(faults: faults)) }

        func commit(_ drafts: [Draft], _ ids: [MessageID]) throws -> SendBatch.Decision {
            try state.withLock { state in
                state.batches.append(drafts.count)
                let fault = state.faults.isEmpty ? nil : state.faults.removeFirst()
                if case .before(let error)? = fault { throw error }
                if drafts.contains(where: { $0.text == "bad" }) { throw PostgresError(.invalidParameter, "bad") }
                var outcomes: [SendBatch.Outcome] = []
                for (draft, id) in zip(drafts, ids) {
                    if let message = state.stored[draft.key] {
                        outcomes.append(.repeated(message))
                    } else {
                        var message = Message.sample(
                            in: draft.key.chatID, seq: Int64(state.stored.count) + 1, from: draft.key.senderID)
                        message.id = id
                        state.stored[draft.key] = message
                        outcomes.append(.stored(message))
                    }
                }
                if case .after(let error)? = fault { throw error }
                return SendBatch.Decision(outcomes: outcomes, inserts: [], chats: [:])
            }
        }

        var committer: BatchCommitter {
            BatchCommitter(
                nextIDs: { (1...$0).map { MessageID(rawValue: Int64($0)) } },
                commit: { drafts, ids, _ in try self.commit(drafts, ids) },
                tell: { _ in self.state.withLock { $0.told += 1 } })
        }
    }

    let drafts = (0..<6).map { Draft.sample(in: ChatID(rawValue: 1), UserID(rawValue: 1), "\($0)") }

    func answer(_ store: Store, _ drafts: [Draft]) async -> [BatchCommitter.Answer] {
        await store.committer.answer(drafts, deadline: .now + .seconds(60))
    }

    func server(_ state: SQLState) -> PostgresError {
        PostgresError(
            .server, "",
            report: ServerReport(
                sqlState: state, severity: "ERROR", message: "", detail: nil, hint: nil, schema: nil, table: nil, column: nil,
                constraint: nil, position: nil))
    }

    @Test("answers come in the order of the drafts, after the caches were told")
    func answers() async throws {
        let store = Store()
        let answers = try await answer(store, drafts).map { try $0.get() }
        #expect(answers.map(\.message.seq) == [1, 2, 3, 4, 5, 6] && !answers.contains(where: \.repeated))
        #expect(store.state.withLock { $0.told } == 1)
    }

    @Test(
        "deadlocks and serialisation failures are repeated, not for ever",
        arguments: [SQLState.deadlockDetected, .serializationFailure])
    func transient(state: SQLState) async throws {
        let store = Store(faults: [.before(server(state)), .before(server(state))])
        #expect(try await answer(store, drafts).map { try $0.get().repeated } == Array(repeating: false, count: 6))
        let hopeless = Store(faults: Array(repeating: .before(server(state)), count: 9))
        let refused = await answer(hopeless, drafts)
        #expect(refused.map(\.code) == Array(repeating: .unavailable, count: 6))
        #expect(hopeless.state.withLock { $0.batches } == [6, 6, 6])
    }

    @Test("a commit whose answer was lost is asked again, and finds what it stored")
    func lostAnswer() async throws {
        let lost = PostgresError(.connectionLost, "", mayHaveHappened: true)
        for fault in [Store.Fault.after(lost), .before(lost)] {
            let store = Store(faults: [fault])
            #expect(try await answer(store, drafts).map { try $0.get().message.seq } == [1, 2, 3, 4, 5, 6])
            #expect(store.state.withLock { $0.stored.count } == 6)
        }
    }

    @Test("when nothing can be learned any more, the sender is told that it may have happened")
    func unknown() async throws {
        let store = Store(faults: [
            .after(PostgresError(.connectionLost, "", mayHaveHappened: true)), .before(PostgresError(.unavailable, "")),
        ])
        for case .failure(let error) in await answer(store, drafts) {
            #expect(error.code == .unknownOutcome && error.mayHaveHappened)
        }
        #expect(store.state.withLock { $0.batches } == [6, 6])
    }

    @Test(
        "while the database is away everybody hears so at once",
        arguments: [PostgresError.Reason.unavailable, .overloaded, .acquireTimeout])
    func away(reason: PostgresError.Reason) async {
        let store = Store(faults: [.before(PostgresError(reason, ""))])
        let answers = await answer(store, drafts)
        #expect(answers.map(\.code) == Array(repeating: .unavailable, count: 6))
        #expect(store.state.withLock { $0.batches } == [6])
    }

    @Test("one that cannot be stored fails alone", arguments: 0..<6)
    func isolates(bad: Int) async throws {
        var drafts = drafts
        drafts[bad] = Draft.sample(in: ChatID(rawValue: 1), UserID(rawValue: 1), "x", "bad")
        let store = Store()
        let answers = await answer(store, drafts)
        #expect(answers.indices.filter { answers[$0].code != nil } == [bad])
        #expect(answers[bad].code == .internal)
        #expect(store.state.withLock { $0.stored.count } == 5)
    }

    @Test("without ids nothing is begun")
    func withoutIDs() async {
        let store = Store()
        let committer = BatchCommitter(
            nextIDs: { _ in throw ServiceError(.unavailable, "nobody") },
            commit: { drafts, ids, _ in try store.commit(drafts, ids) },
            tell: { _ in })
        let answers = await committer.answer(drafts, deadline: .now + .seconds(60))
        #expect(answers.map(\.code) == Array(repeating: .unavailable, count: 6))
        #expect(store.state.withLock { $0.batches }.isEmpty)
    }
}

extension BatchCommitter.Answer {
    var code: ServiceError.Code? { if case .failure(let error) = self { error.code } else { nil } }
}
