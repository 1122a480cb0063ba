import Contracts
import Synchronization
import Testing

@testable import Chats
@testable import Postgres

@Suite("Batch committer", .timeLimit(.minutes(5))) struct BatchCommitterTests {
    /// A store in memory that fails as scripted.
    final class Store: Sendable {
        enum Fault { case before(PostgresError), after(PostgresError) }
        struct State {
            var stored: [SendKey: Message] = [:]
            var faults: [Fault] = []
            var batches: [Int] = []
            var pauses: [Duration] = []
        }

        let state: Mutex<State>
        /// The chats whose locks are held by another transaction.
        let locked: Set<ChatID>

        init(faults: [Fault] = [], locked: Set<ChatID> = []) {
            state = Mutex(State(faults: faults))
            self.locked = locked
        }

        func commit(_ drafts: [Draft], _ ids: [MessageID]) throws -> SendBatch.Decision {
            try state.withLock { state in
                state.batches.append(drafts.count)
                let fault = state.faults.isEmpty ? nil : state.faults.removeFirst()
                if case .before(let error)? = fault { throw error }
                if drafts.contains(where: { locked.contains($0.key.chatID) }) { throw PostgresError.server(.lockNotAvailable) }
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
                updateCaches: { _ in }, pause: { length in self.state.withLock { $0.pauses.append(length) } })
        }
    }

    let drafts = (0..<6).map { Draft.sample(in: ChatID(rawValue: 1), from: UserID(rawValue: 1), "\($0)") }

    func settle(_ store: Store, _ drafts: [Draft], within limit: Duration = .seconds(60)) async -> SettledBatch {
        await store.committer.settle(drafts, deadline: .now + limit)
    }

    func answer(_ store: Store, _ drafts: [Draft]) async -> [SettledBatch.Answer] { await settle(store, drafts).answers }

    @Test("answers have the order of the drafts")
    func answers() async throws {
        let answers = try await answer(Store(), drafts).map { try $0.get() }
        #expect(answers.map(\.message.seq) == [1, 2, 3, 4, 5, 6] && !answers.contains(where: \.repeated))
    }

    @Test(
        "deadlocks and serialisation failures are repeated, up to a limit",
        arguments: [SQLState.deadlockDetected, .serializationFailure])
    func transient(state: SQLState) async throws {
        let store = Store(faults: [.before(PostgresError.server(state)), .before(PostgresError.server(state))])
        #expect(try await answer(store, drafts).map { try $0.get().repeated } == Array(repeating: false, count: 6))
        let hopeless = Store(faults: Array(repeating: .before(PostgresError.server(state)), count: 9))
        let refused = await answer(hopeless, drafts)
        #expect(refused.map(\.code) == Array(repeating: .unavailable, count: 6))
        #expect(hopeless.state.withLock { $0.batches } == [6, 6, 6])
        #expect(hopeless.state.withLock { $0.pauses.count } == 2)
    }

    @Test("after a connection was lost before the commit, the batch is repeated after a pause")
    func lostBefore() async throws {
        let lost = PostgresError(.connectionLost, "")
        let store = Store(faults: [.before(lost), .before(lost)])
        #expect(try await answer(store, drafts).map { try $0.get().repeated } == Array(repeating: false, count: 6))
        let pauses = store.state.withLock { $0.pauses }
        #expect(pauses.count == 2 && pauses.allSatisfy { (.milliseconds(50)...(.milliseconds(200))).contains($0) })
    }

    @Test("there is no pause beyond the deadline")
    func noTime() async {
        let store = Store(faults: [.before(PostgresError(.connectionLost, ""))])
        let settled = await settle(store, drafts, within: .milliseconds(40))
        #expect(settled.answers.map(\.code) == Array(repeating: .unavailable, count: 6) && settled.uncertainChats.isEmpty)
        #expect(store.state.withLock { $0.batches } == [6] && store.state.withLock { $0.pauses }.isEmpty)
    }

    @Test("after the answer of a commit was lost, the batch is repeated and finds its own messages, not repeats")
    func lostAnswer() async throws {
        let lost = PostgresError(.connectionLost, "", mayHaveHappened: true)
        for fault in [Store.Fault.after(lost), .before(lost)] {
            let store = Store(faults: [fault])
            let settled = await settle(store, drafts)
            let answers = try settled.answers.map { try $0.get() }
            #expect(answers.map(\.message.seq) == [1, 2, 3, 4, 5, 6] && !answers.contains(where: \.repeated))
            #expect(store.state.withLock { $0.stored.count } == 6 && settled.uncertainChats.isEmpty)
            // Another request repeats the sends with other ids.
            let others = drafts.map { _ in MessageID(rawValue: 99) }
            let again = SettledBatch(try store.commit(drafts, others), ids: others)
            #expect(try again.answers.map { try $0.get().repeated } == Array(repeating: true, count: 6))
        }
    }

    @Test("if the outcome stays unknown, senders receive unknownOutcome and the caches are invalidated")
    func unknown() async throws {
        let away = Store.Fault.before(PostgresError(.unavailable, ""))
        let store = Store(faults: [.after(PostgresError(.connectionLost, "", mayHaveHappened: true)), away, away])
        let settled = await settle(store, drafts)
        for answer in settled.answers {
            guard case .failure(let error) = answer else { return #expect(Bool(false), "an answer") }
            #expect(error.code == .unknownOutcome && error.mayHaveHappened)
        }
        #expect(store.state.withLock { $0.batches } == [6, 6, 6])
        #expect(settled.uncertainChats == [ChatID(rawValue: 1)] && settled.revs.isEmpty)
    }

    @Test("the pieces of a divided batch stay in doubt")
    func doubtInHalves() async throws {
        var drafts = drafts
        drafts[2] = Draft.sample(in: ChatID(rawValue: 1), from: UserID(rawValue: 1), "x", "bad")
        let store = Store(faults: [.before(PostgresError(.connectionLost, "", mayHaveHappened: true))])
        let answers = await answer(store, drafts)
        #expect(answers.indices.filter { answers[$0].code != nil } == [2])
        #expect(answers[2].code == .unknownOutcome)
    }

    @Test("while a chat is locked, only sends to that chat are refused")
    func lockedChat() async throws {
        let chats = (1...4).map { ChatID(rawValue: Int64($0)) }
        let drafts = (0..<12).map { Draft.sample(in: chats[$0 % 4], from: UserID(rawValue: 1), "\($0)") }
        let store = Store(locked: [chats[1], chats[2]])
        let settled = await settle(store, drafts)
        for (draft, answer) in zip(drafts, settled.answers) {
            if store.locked.contains(draft.key.chatID) {
                #expect(answer.code == .unavailable)
            } else {
                #expect(try answer.get().message.chatID == draft.key.chatID)
            }
        }
        // One attempt with all drafts, then one per chat.
        #expect(store.state.withLock { $0.batches } == [12, 3, 3, 3, 3])
        #expect(settled.uncertainChats.isEmpty)
    }

    @Test(
        "while the database is away, all sends are refused at once",
        arguments: [PostgresError.Reason.unavailable, .overloaded, .acquireTimeout])
    func away(reason: PostgresError.Reason) async {
        let store = Store(faults: [.before(PostgresError(reason, ""))])
        let answers = await answer(store, drafts)
        #expect(answers.map(\.code) == Array(repeating: .unavailable, count: 6))
        #expect(store.state.withLock { $0.batches } == [6])
    }

    @Test("a draft that cannot be stored fails alone", arguments: 0..<6)
    func isolates(bad: Int) async throws {
        var drafts = drafts
        drafts[bad] = Draft.sample(in: ChatID(rawValue: 1), from: UserID(rawValue: 1), "x", "bad")
        let store = Store()
        let answers = await answer(store, drafts)
        #expect(answers.indices.filter { answers[$0].code != nil } == [bad])
        #expect(answers[bad].code == .internal)
        #expect(store.state.withLock { $0.stored.count } == 5)
    }

    @Test(
        "without ids no commit starts, no outcome is in doubt, and all senders may retry",
        arguments: [ServiceError.Code.unavailable, .deadlineExceeded, .unknownOutcome, .internal])
    func withoutIDs(code: ServiceError.Code) async {
        let store = Store()
        let committer = BatchCommitter(
            nextIDs: { _ in throw ServiceError(code, "no ids") },
            commit: { drafts, ids, _ in try store.commit(drafts, ids) },
            updateCaches: { _ in })
        let settled = await committer.settle(drafts, deadline: .now + .seconds(60))
        #expect(settled.answers.map(\.code) == Array(repeating: .unavailable, count: 6) && settled.uncertainChats.isEmpty)
        #expect(store.state.withLock { $0.batches }.isEmpty)
    }
}

extension SettledBatch.Answer {
    var code: ServiceError.Code? { if case .failure(let error) = self { error.code } else { nil } }
}

extension PostgresError {
    fileprivate static func server(_ state: SQLState) -> PostgresError {
        PostgresError(
            .server, "",
            report: ServerReport(
                sqlState: state, severity: "ERROR", message: "", detail: nil, hint: nil, schema: nil, table: nil, column: nil,
                constraint: nil, position: nil))
    }
}
